"""RedisStore: sessions in Redis, which several machines share."""

import json
import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from math import inf, isnan
from types import NoneType
from typing import Any, ClassVar, Final

from butler.sessions.errors import StoreError
from butler.sessions.session import Session
from butler.storage.redis import Redis, Script
from butler.storage.redis_errors import RedisFailure
from butler.storage.redis_url import RedisPlace

logger = logging.getLogger(__name__)

MAX_SESSION_BYTES: Final = 1_000_000
MAX_LIST_BYTES: Final = 256_000_000
_PAGE: Final = 1000
_TEXT: Final = (str, NoneType)

# KEYS: the sessions, a hash of JSON texts by chat; and their order, a sorted set of the chats by
# the negative time, so that its order is that of lists: most recent first, then by chat. A script
# that fails halfway leaves what it wrote, so what can be refused stands first.
_GET: Final = Script(f"""
if redis.call('HSTRLEN', KEYS[1], ARGV[1]) > {MAX_SESSION_BYTES} then return false end
return redis.call('HGET', KEYS[1], ARGV[1])
""")
_PUT: Final = Script(
    f"""
local before = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if before and #before > {MAX_SESSION_BYTES} then return false end
return before
""",
    is_change=True,
)
_ADOPT: Final = Script(
    """
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if score and tonumber(score) <= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1
""",
    is_change=True,
)
_TOUCH: Final = Script(
    """
local session = redis.call('HGET', KEYS[1], ARGV[1])
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not session or not score or -tonumber(score) <= tonumber(ARGV[2]) then return 0 end
local all_but_time = string.match(session, '^(.*,)')
if not all_but_time then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], all_but_time .. ARGV[4] .. ']')
return 1
""",
    is_change=True,
)
_DELETE: Final = Script(
    f"""
local session = redis.call('HGET', KEYS[1], ARGV[1])
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if score and -tonumber(score) > tonumber(ARGV[2]) then return false end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if session and #session > {MAX_SESSION_BYTES} then return false end
return session
""",
    is_change=True,
)
# The chats as one text of JSON, then pages of sessions, each one, too: a hundred thousand answers
# would take longer to read.
_LIST: Final = Script(f"""
local chats = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', ARGV[2], ARGV[3])
if #chats == 0 then return {{}} end
local texts, size = {{cjson.encode(chats)}}, 0
for first = 1, #chats, {_PAGE} do
    local last = math.min(first + {_PAGE} - 1, #chats)
    local page = cjson.encode(redis.call('HMGET', KEYS[1], unpack(chats, first, last)))
    size = size + #page
    if size > {MAX_LIST_BYTES} then return redis.error_reply('TOOMANY') end
    texts[#texts + 1] = page
end
return texts
""")


class RedisStore:
    """Sessions of one account in Redis, without a copy in memory.

    Machines see each other's changes at once. A change that returned survives a crash of Butler
    and, with ``appendonly yes``, of Redis. If Redis is away, each call raises StoreError, and says
    whether a change may have been made all the same.

    What is found there is checked: what is no session counts as none, and is logged.

    Args:
        place: Which Redis.
        account: Whose chats they are; chats of different accounts may have the same id.
    """

    is_remote: ClassVar[bool] = True

    def __init__(self, place: RedisPlace, account: str) -> None:
        self._redis = Redis(place, _store_error)
        self._keys = (place.key("sessions", account), place.key("recent", account))
        self._told_of: set[str] = set()

    def get(self, chat_id: str) -> Session | None:
        return self._read(chat_id, self._redis.run_script(_GET, self._keys, _bytes(chat_id)))

    def put(self, session: Session) -> Session | None:
        return self._read(session.chat_id, self._write(_PUT, session))

    def adopt(self, session: Session) -> bool:
        """Store a session from elsewhere; return False if there is one as late or later."""
        return bool(self._write(_ADOPT, session))

    def touch(self, chat_id: str, time: float, *, after: float = -inf) -> bool:
        now = json.dumps(float(time))
        arguments = (_bytes(chat_id), repr(float(after)), _score(time), now)
        return bool(self._redis.run_script(_TOUCH, self._keys, *arguments))

    def delete(self, chat_id: str, *, until: float = inf) -> Session | None:
        arguments = (_bytes(chat_id), repr(float(until)))
        return self._read(chat_id, self._redis.run_script(_DELETE, self._keys, *arguments))

    def all(self, *, after: float = -inf) -> list[Session]:
        return self.recent(-1, after=after)

    def recent(self, limit: int, offset: int = 0, *, after: float = -inf) -> list[Session]:
        arguments = (f"({_score(after)}", offset, limit)
        texts = self._redis.run_script(_LIST, self._keys, *arguments)
        found = (self._checked(chat_id, value) for chat_id, value in _entries(texts))
        return [session for session in found if session is not None]

    def count(self, *, after: float = -inf) -> int:
        return int(self._redis.run("ZCOUNT", self._keys[1], "-inf", f"({_score(after)}"))

    def idle(self, until: float) -> Iterator[str]:
        cursor: bytes | int = 0
        while True:
            scan = self._redis.run("ZSCAN", self._keys[1], cursor, "COUNT", _PAGE)
            cursor, page = scan
            for field, score in zip(page[::2], page[1::2], strict=True):
                if -float(score) <= until and (chat_id := _text(field)) is not None:
                    yield chat_id
            if int(cursor) == 0:
                return

    def close(self) -> None:
        self._redis.close()

    def _write(self, script: Script, session: Session) -> Any:
        chat_id, repo, path, time = session
        field, value = _bytes(chat_id), json.dumps([repo, path, float(time)])
        if len(field) + len(value) > MAX_SESSION_BYTES:
            raise StoreError("Redis does not keep a session as long as this.", "it is too long")
        return self._redis.run_script(script, self._keys, field, value, _score(time))

    def _read(self, chat_id: str, value: bytes | None) -> Session | None:
        return None if value is None else self._checked(chat_id, _parsed(value))

    def _checked(self, chat_id: str, value: object) -> Session | None:
        """Return a session that was found; None, and a line in the log, if it is not one."""
        # Not by `match`, which takes twice the time: lists are long.
        if type(value) is list and len(value) == 3:
            repo, path, time = value
            is_text = type(repo) in _TEXT and type(path) in _TEXT
            if is_text and type(time) is float and not isnan(time):
                return Session(chat_id, repo, path, time)
        self._tell_of(chat_id)
        return None

    def _tell_of(self, chat_id: str) -> None:
        if chat_id not in self._told_of and len(self._told_of) < _PAGE:
            self._told_of.add(chat_id)
            logger.warning("what Redis keeps for the chat %.100r is not a session", chat_id)


def _store_error(failure: RedisFailure) -> StoreError:
    if failure.may_be_done:
        reason = f"{failure.reason}, and may have made the change; look with /repo"
    else:
        reason = f"{failure.reason}, so nothing was changed"
    return StoreError(str(failure), reason, is_lasting=failure.is_lasting)


def _score(time: float) -> str:
    return repr(-float(time))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _text(value: bytes) -> str | None:
    try:
        return value.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return None


def _entries(texts: Sequence[bytes]) -> Iterator[tuple[str, object]]:
    """Yield chats with what is kept for each; what somebody spoilt spoils nothing else."""
    chats = iter(_loaded(texts[0]) if texts else [])
    for page in texts[1:]:
        values = _loaded(page)
        pairs = zip(islice(chats, len(values)), values, strict=True)
        kept = {chat_id: value for chat_id, value in pairs if value is not False}
        yield from zip(kept, _all_parsed(list(kept.values())), strict=True)


def _all_parsed(texts: Sequence[str]) -> Sequence[object]:
    """Return what texts of JSON say: all at once, in a third of the time, if none is spoilt."""
    parsed = _parsed(f"[{','.join(texts)}]")
    if isinstance(parsed, list) and len(parsed) == len(texts):
        return parsed
    return [_parsed(text) for text in texts]


def _loaded(text: bytes) -> list[Any]:
    """Return a list that a script made, of texts which may have any bytes in them."""
    try:
        loaded: list[Any] = json.loads(text)
    except UnicodeDecodeError:
        loaded = json.loads(text.decode(errors="replace"))
    return loaded


def _parsed(text: str | bytes) -> object:
    """Return what a text of JSON says; None if it is not one."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
