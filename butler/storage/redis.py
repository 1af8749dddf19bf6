"""Redis: how it is opened, and the one way that threads speak to it."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NoReturn
from weakref import WeakKeyDictionary

from butler.storage.redis_errors import (
    CA_FILE,
    CLOSED,
    NOT_INSTALLED,
    RedisFailure,
    because,
    explain,
    is_answer,
    is_refusal,
)
from butler.storage.redis_options import (
    backoff,
    connection_options,
    is_readable,
    reconnects,
    sentinel_options,
    server_options,
)
from butler.storage.redis_url import RedisPlace

if TYPE_CHECKING:
    import redis
    import redis.asyncio

Argument = str | bytes | int | float

DEADLINE_S: Final = 1.0
"""After this time Redis does not begin a change any more; before the wait for its answer ends."""

PAUSE_S: Final = 0.5
"""While Redis is away, it is tried no more often than this; calls in between fail at once."""


_IN_TIME: Final = """
local now = redis.call('TIME')
if tonumber(now[1]) + tonumber(now[2]) / 1000000 > tonumber(ARGV[#ARGV]) then
    return redis.error_reply('LATE')
end
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, which Redis carries out as one step.

    Attributes:
        text: The script.
        is_change: Whether it changes something; it then refuses to after its deadline.
    """

    text: str
    is_change: bool = False
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        if self.is_change:
            object.__setattr__(self, "text", f"{_IN_TIME}{self.text}")
        # The name of a script, not a secret: https://redis.io/docs/latest/commands/evalsha/
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


class Redis:
    """A Redis that the threads of a process share.

    A command waits two seconds for its answer. A connection that cannot be made is tried again
    after growing pauses, but a command that may have been carried out is never sent twice.

    A change has a deadline by the clock of Redis, which each connection asks for when it is made.
    So a change that a stopped Redis finds when it goes on is not made behind the caller's back.

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
        self._ahead_s: WeakKeyDictionary[object, float] = WeakKeyDictionary()
        try:
            self._client = _open(place, self._greet)
        except ImportError as error:
            raise raises(because(place.address, NOT_INSTALLED)) from error
        if place.ca_file is not None and not is_readable(place.ca_file):
            raise raises(because(place.address, CA_FILE))
        from redis import exceptions

        self._pool: Any = self._client.connection_pool  # of which there are several kinds
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
                return self._exchange(("EVALSHA", script.digest, *rest), script)
            except self._errors.NoScriptError:  # another server, or one that was restarted
                return self._exchange(("EVAL", script.text, *rest), script)
        except (self._errors.RedisError, _LostError) as error:
            self._fail(error, is_change=script.is_change)

    def close(self) -> None:
        """Close all connections; one that another thread is using is closed after its call."""
        self._is_closed = True
        self._pool.disconnect(inuse_connections=False)
        if self._place.address.primary is not None:
            self._pool.sentinel_manager.close()

    def _exchange(self, command: Sequence[Argument], script: Script | None = None) -> Any:
        """Send a command and return the answer.

        What did not arrive as a whole is not carried out, nor is what came too late, or to a
        replica. So a connection that broke while it was idle, or leads to a primary of the past,
        or to a server whose clock was set, is replaced.
        """
        try:
            return self._exchange_once(command, script)
        except _RefusedError:
            pass
        try:
            return self._exchange_once(command, script)
        except _RefusedError as error:
            raise error.cause from None

    def _exchange_once(self, command: Sequence[Argument], script: Script | None) -> Any:
        connection = self._connect()
        if script is not None and script.is_change:
            command = (*command, self._deadline(connection))
        try:
            self._send(connection, command)
            answer = self._read(connection)
        finally:
            self._give_back(connection)
        self._away = None
        return answer

    def _send(self, connection: Any, command: Sequence[Argument]) -> None:
        try:
            connection.send_command(*command)
        except BaseException as error:
            connection.disconnect()
            if isinstance(error, self._errors.RedisError):
                raise _RefusedError(error) from error
            raise

    def _read(self, connection: Any) -> Any:
        try:
            return connection.read_response()
        except BaseException as error:
            if is_refusal(error):
                connection.disconnect()
                raise _RefusedError(error) from error
            if isinstance(error, self._errors.ResponseError):
                raise
            connection.disconnect()  # what is left of the answer is not the next command's
            if isinstance(error, self._errors.RedisError) and not is_answer(error):
                raise _LostError(error) from error
            raise

    def _greet(self, connection: Any) -> None:
        """Log in on a new connection, and compare the clocks."""
        connection.on_connect()
        connection.send_command("TIME", check_health=False)
        seconds, microseconds = connection.read_response()
        ahead_s = int(seconds) + int(microseconds) / 1_000_000 - time.monotonic()
        self._ahead_s[connection] = ahead_s

    def _deadline(self, connection: Any) -> float:
        return time.monotonic() + DEADLINE_S + self._ahead_s[connection]

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

    def _fail(self, error: Exception, *, is_change: bool = False) -> NoReturn:
        cause = error.cause if isinstance(error, _LostError) else error
        failure = explain(self._place.address, cause)
        if not isinstance(cause, self._errors.ResponseError):
            self._away, self._again_at = failure, time.monotonic() + PAUSE_S
        if isinstance(error, _LostError) and is_change:
            # After a time-out the deadline is over, too.
            is_over = isinstance(cause, self._errors.TimeoutError)
            failure = replace(failure, may_be_done=not is_over)
        raise self._raises(failure) from cause


class _UnansweredError(Exception):
    def __init__(self, cause: BaseException) -> None:
        super().__init__()
        self.cause = cause


class _RefusedError(_UnansweredError):
    """The command was surely not carried out, and may be sent again."""


class _LostError(_UnansweredError):
    """The command was sent, but its answer did not come."""


def open_async(place: RedisPlace, *, wait_s: float = 0.0) -> "redis.asyncio.Redis":
    """Return a client for an event loop; the caller closes it.

    It sends a command again if the connection broke before the answer came, so commands have to
    bear that. ``explain`` says what its errors mean.

    Args:
        place: Which Redis.
        wait_s: How long its commands may block on purpose.

    Raises:
        ImportError: The extra ``redis`` is not installed.
    """
    from redis import ConnectionError as RedisConnectionError
    from redis.asyncio import Redis, Sentinel
    from redis.asyncio.retry import Retry

    retry = Retry(backoff(), reconnects(place), (RedisConnectionError,))
    options = connection_options(place, wait_s) | {"retry": retry}
    if place.address.primary is None:
        return Redis(**server_options(place), **options)
    asked = sentinel_options(options, place)
    sentinel: Any = Sentinel(place.address.servers, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]  # it has no types

    class ClientOfSentinel(Redis):
        async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - redis-py's
            await super().aclose(close_connection_pool)
            await sentinel.aclose()

    client: Redis = sentinel.master_for(place.address.primary, ClientOfSentinel, **options)
    return client


def _open(place: RedisPlace, greet: Callable[[Any], None]) -> "redis.Redis":
    from redis import ConnectionError as RedisConnectionError
    from redis import Redis, Sentinel
    from redis.retry import Retry

    retry = Retry(backoff(), reconnects(place), (RedisConnectionError,))
    options = connection_options(place, 0.0) | {"retry": retry}
    asked = sentinel_options(options, place)
    options["redis_connect_func"] = greet
    if place.address.primary is None:
        return Redis(**server_options(place), **options)
    sentinel: Any = Sentinel(place.address.servers, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]  # it has no types
    client: Redis = sentinel.master_for(place.address.primary, **options)
    return client
