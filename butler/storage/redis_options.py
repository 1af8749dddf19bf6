"""What redis-py is told of connections: time-outs, health checks, back-off, TLS, logins."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from butler.storage.redis_url import RedisPlace

if TYPE_CHECKING:
    from redis.backoff import AbstractBackoff

TIMEOUT_S: Final = 2.0
"""How long to wait for a connection, and for an answer."""

HEALTH_CHECK_S: Final = 15
"""A connection that was idle for longer is tried by a PING before it is used."""

SENTINEL_TIMEOUT_S: Final = 1.0
"""The same for each Sentinel: another one may answer."""

RECONNECTS: Final = 3
MAX_BACKOFF_S: Final = 1.0
BACKOFF_S: Final = 0.05
"""The pause before the first new attempt to connect; each further one is twice as long."""


def is_readable(ca_file: Path) -> bool:
    """Return whether a file has certificates of authorities."""
    import ssl

    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError:  # ssl.SSLError is one
        return False
    return True


def backoff() -> "AbstractBackoff":
    """Return the pauses between attempts to connect."""
    from redis.backoff import ExponentialBackoff

    return ExponentialBackoff(cap=MAX_BACKOFF_S, base=BACKOFF_S)


def reconnects(place: RedisPlace) -> int:
    """Return how often to try again; with Sentinel, each time asks all of them."""
    return RECONNECTS if place.address.primary is None else 1


def connection_options(place: RedisPlace, wait_s: float) -> dict[str, Any]:
    """Return what redis-py is told of every connection."""
    address = place.address
    options: dict[str, Any] = {
        "db": address.database,
        "username": address.login.user,
        "password": address.login.password,
        "socket_timeout": TIMEOUT_S + wait_s,
        "health_check_interval": HEALTH_CHECK_S,
        # The older protocol needs no handshake, and no rights for one.
        "protocol": 2,
        "driver_info": None,
    }
    if address.socket is None:
        options |= {"socket_connect_timeout": TIMEOUT_S, "socket_keepalive": True}
    if address.is_encrypted:
        options |= {"ssl": True}
        if place.ca_file is not None:
            options |= {"ssl_ca_certs": str(place.ca_file)}
    return options


def sentinel_options(options: Mapping[str, Any], place: RedisPlace) -> dict[str, Any]:
    """Return what redis-py is told of connections to Sentinels, which are not tried twice."""
    login = place.address.sentinel_login
    own = {"db": 0, "username": login.user, "password": login.password, "retry": None}
    times = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), SENTINEL_TIMEOUT_S)
    return {**options, **own, **times}


def server_options(place: RedisPlace) -> dict[str, Any]:
    """Return what redis-py is told of where the server is, unless Sentinel says it."""
    if place.address.socket is not None:
        return {"unix_socket_path": place.address.socket}
    (server,) = place.address.servers
    return {"host": server.host, "port": server.port}
