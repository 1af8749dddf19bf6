"""Errors of Redis, as one sentence with the way out."""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from butler.storage.redis_url import Address

MAX_SAID: Final = 200
"""How much of a text that comes from the server is shown."""


class Explanation(NamedTuple):
    """What an error means.

    Attributes:
        reason: What is wrong: a lower-case fragment without any address, fit for a chat.
        remedy: What to do, in the imperative.
        is_lasting: Whether only a person can mend it.
    """

    reason: str
    remedy: str
    is_lasting: bool = False


@dataclass(frozen=True, slots=True)
class RedisFailure:
    """Why Redis cannot be used; as text, one sentence for the operator.

    Attributes:
        place: Its address, without user and password.
        reason: What is wrong: a lower-case fragment without any address, fit for a chat.
        remedy: What to do, in the imperative.
        is_lasting: Whether only a person can mend it.
        may_be_done: Whether the command may have been carried out all the same.
    """

    place: str
    reason: str
    remedy: str
    is_lasting: bool = False
    may_be_done: bool = False

    def __str__(self) -> str:
        return f"Redis at {self.place} cannot be used: {self.reason}; {self.remedy}."


NOT_INSTALLED: Final = Explanation(
    "the Python package redis is not installed", "run: pip install 'redis>=8'", True
)
CA_FILE: Final = Explanation(
    "redis.ca_file cannot be read", "name a file of certificates in PEM format", True
)
CLOSED: Final = Explanation("the connection to Redis is closed", "open it again", True)

_LOADING: Final = Explanation("Redis is still loading its data", "wait until it is done")
_REPLICA: Final = Explanation(
    "Redis is a replica, which takes no changes",
    "name the primary, or Sentinel, in redis.url",
    True,
)
_FULL: Final = Explanation("the memory of Redis is full", "raise its maxmemory or free some")
_LOGIN: Final = Explanation(
    "Redis refuses the user or the password", "correct them in redis.url", True
)
_NO_LOGIN: Final = Explanation("Redis asks for a password", "write it into redis.url", True)
_SLOTS: Final = Explanation(
    "the keys do not lie in one slot of the cluster", "use keys with one hash tag", True
)
_CLUSTER: Final = Explanation(
    "Redis is one of several nodes of a cluster",
    "name a single server, or Sentinel, in redis.url",
    True,
)
_SILENT: Final = Explanation("Redis does not answer", "look whether it is stopped or overloaded")
_SILENT_TLS: Final = Explanation(
    "Redis does not answer by TLS", "look whether it is stopped, or its port speaks no TLS"
)
_GONE: Final = Explanation(
    "Redis closes the connection", "look at its log; to a port that speaks TLS write rediss://"
)
_NO_TLS: Final = Explanation(
    "the port of Redis does not speak TLS",
    "name the TLS port, or write redis:// instead of rediss://",
    True,
)

# By what stands in an answer of the server: its code, or the text where redis-py cuts that off.
# A script's error on Redis 6 has the code in its middle.
_ANSWERS: Final = {
    "WRONGTYPE": Explanation(
        "another program keeps something else under these keys", "choose another redis.name", True
    ),
    "CROSSSLOT": _SLOTS,
    **dict.fromkeys(("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"), _CLUSTER),
    "OOM": _FULL,
    "READONLY": _REPLICA,
    "LATE": _SILENT,
    "TOOMANY": Explanation("there are too many sessions", "choose another redis.name"),
    "MISCONF": Explanation("Redis cannot save to its disk", "free some space and look at its log"),
    "NOREPLICAS": Explanation("too few replicas are connected to Redis", "start its replicas"),
    "MASTERDOWN": Explanation("Redis is a replica without its primary", "start the primary"),
    "BUSY": Explanation("Redis is busy with a script", "look at its slow log"),
    "NOAUTH": _NO_LOGIN,
    "Authentication required": _NO_LOGIN,
    "without any password configured": Explanation(
        "Redis has no password for this user", "leave it out of redis.url, or set one", True
    ),
    "previous master is now a slave": Explanation(
        "the primary of Redis has just changed", "try again in a moment"
    ),
    "DENIED": Explanation(
        "Redis accepts nobody from other machines", "set a password for it, and in redis.url", True
    ),
    "max number of clients": Explanation("Redis has too many clients", "raise its maxclients"),
    "DB index is out of range": Explanation(
        "Redis has no database of this number", "correct it in redis.url", True
    ),
    "SELECT is not allowed": Explanation(
        "a cluster has only database 0", "correct it in redis.url", True
    ),
}
_ANSWER: Final = re.compile("|".join(rf"\b{re.escape(each)}\b" for each in _ANSWERS))

_FORBIDDEN: Final = re.compile(
    r"\bNOPERM\b|[Nn]o permissions|ACL failure|can't run this command|can't access at least"
)

# By the name of redis-py's class, which is imported late.
_KINDS: Final = {
    "AuthenticationError": _LOGIN,
    "BusyLoadingError": _LOADING,
    "ReadOnlyError": _REPLICA,
    "OutOfMemoryError": _FULL,
    "MasterNotFoundError": Explanation("Sentinel names no primary", "look whether one was elected"),
    "ClusterCrossSlotError": _SLOTS,
    **dict.fromkeys(
        ("MovedError", "AskError", "TryAgainError", "ClusterDownError", "SlotNotCoveredError"),
        _CLUSTER,
    ),
    "MasterDownError": Explanation("Redis is a replica without its primary", "start the primary"),
    "InvalidResponse": Explanation("what answers there is not Redis", "correct redis.url", True),
    "TimeoutError": _SILENT,
    "gaierror": Explanation("Redis cannot be reached (unknown host)", "correct redis.url"),
    "ConnectionError": _GONE,
}

_SYSTEM: Final = {
    errno.ECONNREFUSED: Explanation(
        "Redis cannot be reached (connection refused)", "start it, or correct redis.url"
    ),
    errno.ENOENT: Explanation(
        "Redis cannot be reached (no such socket)", "start it, or correct redis.url"
    ),
    errno.EACCES: Explanation(
        "Redis cannot be reached (permission denied)", "join the group that owns its socket", True
    ),
    **dict.fromkeys(
        (errno.EHOSTUNREACH, errno.ENETUNREACH),
        Explanation("Redis cannot be reached (no way there)", "look at the network"),
    ),
    **dict.fromkeys((errno.ECONNRESET, errno.EPIPE), _GONE),
}


def is_answer(error: BaseException) -> bool:
    """Return whether an error of redis-py about the connection is an answer of the server."""
    kinds = ("AuthenticationError", "AuthorizationError", "BusyLoadingError")
    return any(_is_a(error, kind) for kind in kinds)


def is_refusal(error: BaseException) -> bool:
    """Return whether the server surely did nothing, and another connection may help."""
    said = str(error)
    return _is_a(error, "ReadOnlyError") or said == "LATE" or "previous master" in said


def explain(address: Address, error: BaseException, *, may_be_done: bool = False) -> RedisFailure:
    """Return the failure that ``error``, of redis-py or the system, means for ``address``."""
    found = _explanation(error)
    if found is _SILENT and address.is_encrypted:
        # A port without TLS waits for the end of what it takes for a command.
        found = _SILENT_TLS
    return RedisFailure(str(address), *found, may_be_done=may_be_done)


def because(address: Address, found: Explanation) -> RedisFailure:
    """Return the failure for a reason that a check found."""
    return RedisFailure(str(address), *found)


def _explanation(error: BaseException) -> Explanation:
    said = str(error)
    if _FORBIDDEN.search(said):
        return _not_permitted(said)
    if found := _ANSWER.search(said):
        return _ANSWERS[found[0]]
    causes = list(_causes(error))
    for explained in filter(None, map(_by_system, causes)):
        return explained
    for kind, explained in _KINDS.items():
        if any(_is_a(each, kind) for each in causes):
            return explained
    return Explanation("Redis failed", f"it says: {printable(said)}")


def _is_a(error: BaseException, kind: str) -> bool:
    return any(each.__name__ == kind for each in type(error).__mro__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it was raised from, outermost first."""
    seen: set[BaseException] = set()
    next_one: BaseException | None = error
    while next_one is not None and next_one not in seen:
        seen.add(next_one)
        yield next_one
        next_one = next_one.__cause__ or next_one.__context__


def _by_system(error: BaseException) -> Explanation | None:
    if _is_a(error, "SSLCertVerificationError"):
        said = printable(getattr(error, "verify_message", ""))
        return Explanation(
            f"the certificate of Redis is not accepted ({said})",
            "name its authority in redis.ca_file, and the host as in the certificate",
            True,
        )
    if _is_a(error, "SSLError"):
        return _NO_TLS
    if isinstance(error, OSError) and error.errno in _SYSTEM:
        return _SYSTEM[error.errno]
    return None


def _not_permitted(said: str) -> Explanation:
    """Name the command that the server's access list forbids, where the server names it."""
    command = re.search(r"run the '([\w|.-]{1,40})' command", said)
    if command:
        what = f"run {command[1].replace('|', ' ').upper()}"
    else:
        what = "run all that Butler needs" if "this command" in said else "use these keys"
    return Explanation(
        f"the user of Redis may not {what}", "extend its rights by ACL SETUSER", True
    )


def printable(text: str) -> str:
    """Return a text from outside on one line, shortened."""
    shown = "".join(each if each.isprintable() else "?" for each in text)
    return f"{shown[:MAX_SAID]}…" if len(shown) > MAX_SAID else shown.removesuffix(".")
