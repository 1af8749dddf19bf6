"""Redis: how it is opened, and the one way that threads speak to it."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NoReturn

from butler.storage.redis_errors import (
    CLOSED,
    NOT_INSTALLED,
    RedisFailure,
    because,
    explain,
    is_answer,
)
from butler.storage.redis_url import RedisPlace

if TYPE_CHECKING:
    import redis
    import redis.asyncio
    from redis.backoff import AbstractBackoff

Argument = str | bytes | int | float

TIMEOUT_S: Final = 2.0
"""How long to wait for a connection, and for an answer."""

HEALTH_CHECK_S: Final = 15
"""A connection that was idle for longer is tried by a PING before it is used."""

RECONNECTS: Final = 3
MAX_BACKOFF_S: Final = 1.0
BACKOFF_S: Final = 0.05
"""The pause before the first new attempt to connect; each further one is twice as long."""

PAUSE_S: Final = 0.5
"""While Redis is away, it is tried no more often than this; calls in between fail at once."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, which Redis carries out as one step."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        # The name of a script, not a secret: https://redis.io/docs/latest/commands/evalsha/
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


class Redis:
    """A Redis that the threads of a process share.

    A command waits two seconds for its answer. A connection that cannot be made is tried again
    after growing pauses, but a command that may have been carried out is never sent twice.

    Args:
        place: Which Redis.
        raises: Converts a failure to the error to raise.
    """

    def __init__(self, place: RedisPlace, raises: Callable[[RedisFailure], Exception]) -> None:
        self._place = place
        self._raises = raises
        self._is_closed = False
        self._away: RedisFailure | None = None
        self._again_at = 0.0
        try:
            self._client = _open(place)
        except ImportError as error:
            raise raises(because(place.address, NOT_INSTALLED)) from error
        from redis import exceptions

        self._pool = self._client.connection_pool
        self._errors = exceptions

    def run(self, *command: Argument) -> Any:  # what the server answers, for the caller to check
        """Run a command and return the answer, with texts as bytes."""
        try:
            return self._exchange(command)
        except (self._errors.RedisError, _LostError) as error:
            self._fail(error)

    def run_script(self, script: Script, keys: Sequence[bytes], *arguments: Argument) -> Any:
        """Run a script and return the answer, with texts as bytes."""
        rest = (len(keys), *keys, *arguments)
        try:
            try:
                return self._exchange(("EVALSHA", script.digest, *rest))
            except self._errors.NoScriptError:  # another server, or one that was restarted
                return self._exchange(("EVAL", script.text, *rest))
        except (self._errors.RedisError, _LostError) as error:
            self._fail(error)

    def close(self) -> None:
        """Close all connections; one that another thread is using is closed after its call."""
        self._is_closed = True
        self._pool.disconnect(inuse_connections=False)

    def _exchange(self, command: Sequence[Argument]) -> Any:
        """Send a command and return the answer.

        What did not arrive as a whole is not carried out, nor is what a replica refuses. So a
        connection that broke while it was idle, or leads to a primary of the past, is replaced.
        """
        try:
            return self._exchange_once(command)
        except _RefusedError:
            pass
        try:
            return self._exchange_once(command)
        except _RefusedError as error:
            raise error.cause from None

    def _exchange_once(self, command: Sequence[Argument]) -> Any:
        connection = self._connect()
        try:
            try:
                connection.send_command(*command)
            except self._errors.RedisError as error:
                raise _RefusedError(error) from error
            answer = connection.read_response()
        except self._errors.ReadOnlyError as error:
            connection.disconnect()
            raise _RefusedError(error) from error
        except (self._errors.ConnectionError, self._errors.TimeoutError) as error:
            connection.disconnect()
            if is_answer(error):
                raise
            raise _LostError(error) from error
        except self._errors.ResponseError:
            raise
        except BaseException:  # what is left of the answer must not be taken for another's
            connection.disconnect()
            raise
        finally:
            self._give_back(connection)
        self._away = None
        return answer

    def _connect(self) -> Any:  # the methods of a connection of redis-py have no types
        if self._is_closed:
            raise self._raises(because(self._place.address, CLOSED))
        if self._away is not None and time.monotonic() < self._again_at:
            raise self._raises(self._away)
        return self._pool.get_connection()

    def _give_back(self, connection: Any) -> None:
        self._pool.release(connection)
        if self._is_closed:
            self.close()

    def _fail(self, error: Exception) -> NoReturn:
        cause = error.cause if isinstance(error, _LostError) else error
        failure = explain(self._place.address, cause)
        if not isinstance(cause, self._errors.ResponseError):
            self._away, self._again_at = failure, time.monotonic() + PAUSE_S
        if isinstance(error, _LostError):
            failure = replace(failure, may_be_done=True)
        raise self._raises(failure) from cause


class _RefusedError(Exception):
    """The command was surely not carried out, and may be sent again."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


class _LostError(Exception):
    """The command was sent, but its answer did not come."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


def open_async(place: RedisPlace, *, wait_s: float = 0.0) -> "redis.asyncio.Redis":
    """Return a client for an event loop; the caller closes it.

    It sends a command again if the connection broke before the answer came, so commands have to
    bear that. ``explain`` says what its errors mean.

    Args:
        place: Which Redis.
        wait_s: How long its commands may block on purpose.

    Raises:
        ImportError: The extra ``butler[redis]`` is not installed.
    """
    from redis import ConnectionError as RedisConnectionError
    from redis.asyncio import Redis, Sentinel
    from redis.asyncio.retry import Retry

    retry = Retry(_backoff(), RECONNECTS, (RedisConnectionError,))
    options = _options(place, wait_s) | {"retry": retry}
    if place.address.primary is None:
        return Redis(**_where(place), **options)
    asked = _sentinel_options(options, place)
    sentinel: Any = Sentinel(place.address.servers, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]  # it has no types
    client: Redis = sentinel.master_for(place.address.primary, **options)
    return client


def _open(place: RedisPlace) -> "redis.Redis":
    from redis import ConnectionError as RedisConnectionError
    from redis import Redis, Sentinel
    from redis.retry import Retry

    retry = Retry(_backoff(), RECONNECTS, (RedisConnectionError,))
    options = _options(place, 0.0) | {"retry": retry}
    if place.address.primary is None:
        return Redis(**_where(place), **options)
    asked = _sentinel_options(options, place)
    sentinel: Any = Sentinel(place.address.servers, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]  # it has no types
    client: Redis = sentinel.master_for(place.address.primary, **options)
    return client


def _backoff() -> "AbstractBackoff":
    from redis.backoff import ExponentialBackoff

    return ExponentialBackoff(cap=MAX_BACKOFF_S, base=BACKOFF_S)


def _options(place: RedisPlace, wait_s: float) -> dict[str, Any]:
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


def _sentinel_options(options: Mapping[str, Any], place: RedisPlace) -> dict[str, Any]:
    login = place.address.sentinel_login
    return {**options, "db": 0, "username": login.user, "password": login.password}


def _where(place: RedisPlace) -> dict[str, Any]:
    if place.address.socket is not None:
        return {"unix_socket_path": place.address.socket}
    (server,) = place.address.servers
    return {"host": server.host, "port": server.port}
