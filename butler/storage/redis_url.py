"""Where Redis is: its URL taken apart, and what its keys begin with."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SCHEMES: Final = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_HOST: Final = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:\s]+))(?::(?P<port>\d+))?"
)
_MAX_LENGTH: Final = 2000


class Server(NamedTuple):
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and a password, which no text ever shows."""

    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Address:
    """Where Redis is, and how to log in.

    Attributes:
        servers: The server, or the Sentinels; none for a Unix socket.
        socket: The path of the Unix socket, if it is one.
        primary: The name by which Sentinel knows the primary, if Sentinel is asked.
        database: The number of the database.
        is_encrypted: Whether to speak TLS.
        login: The user and the password of Redis.
        sentinel_login: Those of Sentinel, which has its own.
    """

    servers: tuple[Server, ...] = ()
    socket: str | None = None
    primary: str | None = None
    database: int = 0
    is_encrypted: bool = False
    login: Credentials = Credentials()
    sentinel_login: Credentials = Credentials()

    def __str__(self) -> str:
        if self.socket is not None:
            return self.socket
        servers = ", ".join(map(str, self.servers))
        return servers if self.primary is None else f"{self.primary} (by Sentinel at {servers})"

    @property
    def is_local(self) -> bool:
        """Whether nothing that is said leaves this machine."""
        hosts = {server.host for server in self.servers}
        return self.socket is not None or hosts <= LOCAL_HOSTS


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """Which Redis to open, and under which name Butler's keys stand there.

    Attributes:
        address: Where it is, and how to log in.
        name: The name that all the keys have in common.
        ca_file: The authorities for TLS; None for those of the system.
    """

    address: Address
    name: str = "butler"
    ca_file: Path | None = None

    def key(self, *parts: str) -> bytes:
        """Return a key; those of a name lie in one slot of a cluster, for scripts on several."""
        return ":".join((f"{{butler:{self.name}}}", *parts)).encode(errors="surrogatepass")


def parse(url: str) -> Address:
    """Take a URL of Redis apart.

    Raises:
        ValueError: It is not one; the text says what was expected and shows nothing of it.
    """
    if len(url) > _MAX_LENGTH or not url.isprintable():
        raise ValueError(f"expected a URL of at most {_MAX_LENGTH:,} printable characters")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(
            "expected a URL; write special characters of the password as %XX"
        ) from None
    if parts.scheme not in SCHEMES:
        raise ValueError(
            "expected a URL that begins with redis://, rediss:// (TLS), unix:// or redis+sentinel://"
        )
    if parts.fragment:
        raise ValueError("has a #; write it as %23")
    login, place = _login_and_place(parts.netloc)
    options = _options(parts)
    if parts.scheme == "unix":
        return _unix(place, parts.path, login, options)
    if parts.scheme.endswith("+sentinel"):
        return _sentinel(place, parts, login, options)
    return Address(
        servers=(_server(place or "localhost", _PORT),),
        database=_database(parts.path.strip("/") or options.get("db", "")),
        is_encrypted=parts.scheme == "rediss",
        login=login,
    )


def _unix(place: str, path: str, login: Credentials, options: dict[str, str]) -> Address:
    if place or not path.strip("/"):
        raise ValueError("expected the path of a socket, such as unix:///run/redis/redis.sock")
    return Address(socket=unquote(path), database=_database(options.get("db", "")), login=login)


def _sentinel(
    place: str, parts: SplitResult, login: Credentials, options: dict[str, str]
) -> Address:
    primary, _, database = parts.path.strip("/").partition("/")
    if not place or not re.fullmatch(r"[\w.-]{1,100}", primary):
        raise ValueError(
            "expected the Sentinels and the name of the primary, "
            "such as redis+sentinel://host1:26379,host2:26379/mymaster"
        )
    own = Credentials(options.get("sentinel_user"), options.get("sentinel_password"))
    return Address(
        servers=tuple(_server(each, _SENTINEL_PORT) for each in place.split(",")),
        primary=primary,
        database=_database(database or options.get("db", "")),
        is_encrypted=parts.scheme == "rediss+sentinel",
        login=login,
        sentinel_login=own,
    )


def _login_and_place(netloc: str) -> tuple[Credentials, str]:
    login, _, place = netloc.rpartition("@")
    user, _, password = login.partition(":")
    return Credentials(unquote(user) or None, unquote(password) or None), place


def _options(parts: SplitResult) -> dict[str, str]:
    known = {"db"}
    if parts.scheme.endswith("+sentinel"):
        known |= {"sentinel_user", "sentinel_password"}
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not options.keys() <= known:
        raise ValueError(
            f"has an unknown option after the ?; known here: {', '.join(sorted(known))}"
        )
    return options


def _server(text: str, port: int) -> Server:
    found = _HOST.fullmatch(text.strip())
    if found is None or not 0 < int(found["port"] or port) < 65_536:
        raise ValueError("expected a host such as localhost:6379")
    return Server(found["v6"] or found["name"], int(found["port"] or port))


def _database(text: str) -> int:
    if not re.fullmatch(r"[0-9]{0,5}", text):
        raise ValueError("expected the number of a database at the end, such as /0")
    return int(text or 0)
