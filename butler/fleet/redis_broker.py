"""The broker over Redis or Valkey: streams, one key a worker, short Lua scripts.

All keys share a hash tag, so that a script may use several of them in a cluster, too.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from butler.fleet.broker import (
    MOST_WAITING,
    TIME_TO_LIVE_S,
    BrokerError,
    Entry,
    Pushed,
    Seen,
)
from butler.fleet.streams import in_order, of_hub, overtaking

if TYPE_CHECKING:
    from redis.asyncio import Redis

BLOCK_S = 1.0
"""For so long a read waits; the time-out of its socket is longer."""

MOST_READ = 100

_LEFT_OUT = 100
"""More numbers than are given in a second."""

_FIELD = b"e"
_TTL_MS = int(TIME_TO_LIVE_S * 1000)
_RESULTS = {1: Pushed.DONE, 0: Pushed.FULL, -1: Pushed.FENCED}

_JOIN = """
local alive = redis.call('GET', KEYS[1])
if alive and string.match(alive, '^%d+ (.*)$') ~= ARGV[1] then return -1 end
local old = tonumber(redis.call('GET', KEYS[2]) or '0')
local epoch = string.format('%.0f', math.max(old, tonumber(ARGV[2])) + 1)
redis.call('SET', KEYS[2], epoch)
redis.call('SET', KEYS[1], epoch .. ' ' .. ARGV[1], 'PX', ARGV[3])
return tonumber(epoch)
"""
_BEAT = """
local alive = redis.call('GET', KEYS[1])
if not alive or string.match(alive, '^%d+') ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
return 1
"""
_LEAVE = """
local alive = redis.call('GET', KEYS[1])
if alive and string.match(alive, '^%d+') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""
_TO_WORKER = """
for i = 1, #KEYS do
    if redis.call('XLEN', KEYS[i]) >= tonumber(ARGV[1]) then return 0 end
end
for i = 1, #KEYS do redis.call('XADD', KEYS[i], '*', 'e', ARGV[i + 1]) end
return 1
"""
_TO_HUB = """
local alive = redis.call('GET', KEYS[1])
if not alive or string.match(alive, '^%d+') ~= ARGV[1] then return -1 end
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[2]) then return 0 end
redis.call('XADD', KEYS[2], '*', 'e', ARGV[3])
return 1
"""
# A Redis that was restarted or failed over may have lost the numbers of its last second.
_NUMBER = """
local last = redis.call('GET', KEYS[1])
if not last then return 0 end
local number = math.max(tonumber(last), tonumber(ARGV[1])) + 1
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)')
if run then
    local before = redis.call('GET', KEYS[2])
    if before and before ~= run then number = number + tonumber(ARGV[2]) end
    if before ~= run then redis.call('SET', KEYS[2], run) end
end
redis.call('SET', KEYS[1], string.format('%.0f', number))
return number
"""
_RAISE = """
local last = redis.call('GET', KEYS[1])
if not last then redis.call('SET', KEYS[1], ARGV[2])
elseif tonumber(last) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
return 1
"""

Connect = Callable[[float], "Redis"]
"""Creates a client whose commands may block for the given number of seconds."""


class RedisBroker:
    """A ``Broker``; use it from one loop.

    Args:
        connect: Makes a client.
        name: The name of this Butler in Redis, for all that share it.
        explain: Words an error.
    """

    def __init__(
        self, connect: Connect, name: str, explain: Callable[[Exception], str] = str
    ) -> None:
        self._connect = connect
        self._explain = explain
        self._prefix = f"{{butler:{name}}}:"
        self._client = connect(0.0)
        self._reader: Redis | None = None
        script = self._client.register_script
        self._join, self._beat, self._leave = script(_JOIN), script(_BEAT), script(_LEAVE)
        self._to_worker, self._to_hub = script(_TO_WORKER), script(_TO_HUB)
        self._number, self._raise = script(_NUMBER), script(_RAISE)

    async def join(self, worker: str, owner: str, floor: int) -> int | None:
        """Take the name of a worker."""
        keys = [self._alive(worker), self._key("epoch", worker)]
        epoch = int(await self._asked(self._join(keys=keys, args=[owner, floor, _TTL_MS])))
        return None if epoch < 0 else epoch

    async def beat(self, worker: str, epoch: int, cards: Mapping[str, bytes]) -> bool:
        """Stay alive, and show the cards."""
        keys = [self._alive(worker), self._key("card", worker)]
        pairs = [part for pair in cards.items() for part in pair]
        return bool(await self._asked(self._beat(keys=keys, args=[epoch, _TTL_MS, *pairs])))

    async def leave(self, worker: str, epoch: int) -> None:
        """Give up the name."""
        await self._asked(self._leave(keys=[self._alive(worker)], args=[epoch]))

    async def look(self, hub: str, workers: Sequence[str]) -> list[Seen]:
        """Return what is known of workers."""
        if not workers:
            return []
        pipe = self._client.pipeline(transaction=False)
        for worker in workers:
            pipe.exists(self._alive(worker))
            pipe.hget(self._key("card", worker), hub)
        found = await self._asked(pipe.execute())
        return [
            Seen(bool(alive), card) for alive, card in zip(found[::2], found[1::2], strict=True)
        ]

    async def push_to_worker(
        self, worker: str, urgent: bytes | None, other: bytes | None
    ) -> Pushed:
        """Add envelopes to the streams of a worker."""
        pairs = [(overtaking(worker), urgent), (in_order(worker), other)]
        keys = [self._prefix + stream for stream, data in pairs if data is not None]
        args = [data for _kind, data in pairs if data is not None]
        return _RESULTS[
            int(await self._asked(self._to_worker(keys=keys, args=[MOST_WAITING, *args])))
        ]

    async def push_to_hub(self, hub: str, worker: str, epoch: int, envelope: bytes) -> Pushed:
        """Add an envelope to the stream of a hub."""
        keys = [self._alive(worker), self._prefix + of_hub(hub)]
        args: list[Any] = [epoch, MOST_WAITING, envelope]
        return _RESULTS[int(await self._asked(self._to_hub(keys=keys, args=args)))]

    async def read(self, streams: Sequence[str], after: Sequence[str]) -> list[list[Entry]]:
        """Wait for entries of streams."""
        # A cancelled or failed blocking read spoils its connection, so it has a client of its own.
        if self._reader is None:
            self._reader = self._connect(BLOCK_S)
        keys = [self._prefix + each for each in streams]
        wanted: dict[Any, Any] = dict(zip(keys, after, strict=True))
        try:
            async with self._errors():
                found: Any = await self._reader.xread(
                    wanted, count=MOST_READ, block=int(BLOCK_S * 1000)
                )
        except BaseException:
            await self._drop_reader()
            raise
        if not found:
            return []
        entries = dict(found.items() if isinstance(found, dict) else found)
        return [[_entry(each) for each in _flat(entries.get(key.encode(), []))] for key in keys]

    async def trim(self, streams: Sequence[str], until: Sequence[str]) -> None:
        """Delete what was read from streams."""
        pipe = self._client.pipeline(transaction=False)
        for stream, last in zip(streams, until, strict=True):
            pipe.xtrim(self._prefix + stream, minid=_behind(last), approximate=False)
        await self._asked(pipe.execute())

    async def next_number(self, after: int) -> int | None:
        """Return a new number."""
        keys = [self._prefix + "number", self._prefix + "number-from"]
        return int(await self._asked(self._number(keys=keys, args=[after, _LEFT_OUT]))) or None

    async def raise_number(self, known: int, perhaps: int) -> None:
        """Let the next number be higher than those that were given."""
        await self._asked(self._raise(keys=[self._prefix + "number"], args=[known, perhaps]))

    async def put(self, key: str, value: bytes, life_s: float) -> None:
        """Keep a value for a while."""
        await self._asked(self._client.set(self._prefix + key, value, px=int(life_s * 1000)))

    async def get(self, key: str) -> bytes | None:
        """Return a value, if it is still there."""
        found: bytes | None = await self._asked(self._client.get(self._prefix + key))
        return found

    async def aclose(self) -> None:
        """Close the connections."""
        with suppress(RedisError, OSError):
            await self._client.aclose()
        await self._drop_reader()

    async def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            with suppress(RedisError, OSError):
                await reader.aclose()

    async def _asked(self, answer: Awaitable[Any]) -> Any:
        async with self._errors():
            return await answer

    @asynccontextmanager
    async def _errors(self) -> AsyncIterator[None]:
        try:
            yield
        except (TimeoutError, RedisError, OSError) as error:
            raise BrokerError(self._explain(error)) from error

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{name}"

    def _alive(self, worker: str) -> str:
        return self._key("alive", worker)


def _flat(entries: Any) -> Any:
    """Return the entries of a stream; RESP3 wraps them once more."""
    return entries[0] if entries and isinstance(entries[0], list) else entries


def _entry(found: tuple[bytes, dict[bytes, bytes]]) -> Entry:
    entry_id, fields = found
    return entry_id.decode(), fields[_FIELD]


def _behind(entry_id: str) -> str:
    time, _, number = entry_id.partition("-")
    return f"{time}-{int(number or 0) + 1}"
