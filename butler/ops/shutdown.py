"""Serves until the transport closes or a signal arrives."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from functools import partial
from typing import Any, Protocol

from butler.app import ALONE, FleetSide, Setup, open_bot
from butler.chat.text import listed
from butler.chat.transport import Transport
from butler.core.bot import Bot
from butler.ops.control import answering
from butler.ops.descendants import end_all
from butler.ops.door import Door
from butler.records.model import Records

logger = logging.getLogger(__name__)

SHUTDOWN_S = 6.0
"""Grace period of turns after a stop signal; turns that were cut off are retried at the start."""

END_LIMIT_S = 9.0
"""From a stop signal to the end of the process, whatever still holds it up."""

_BRIEFLY_S = 0.4


Answers = Callable[[str, str], Awaitable[str]]


class Reloads(Protocol):
    """Reads the configuration again while the bot runs."""

    @property
    def on_hangup(self) -> Callable[[], None] | None:
        """What SIGHUP does; None where it ends the bot."""
        ...

    def watching(
        self, tell_owner: Callable[[str], Coroutine[Any, Any, None]]
    ) -> AbstractAsyncContextManager[None]:
        """Return a block while which the file is watched."""
        ...

    def answering(self, others: Answers) -> Answers:
        """Return what answers other processes; what is not about this goes to ``others``."""
        ...


class LastResort:
    """Ends the process by force if its shutdown takes too long.

    Args:
        save: Saves what there is to save; a thread of its own runs it, briefly.
    """

    def __init__(self, save: Callable[[], None]) -> None:
        self._save = save
        self._timer: threading.Timer | None = None

    def arm(self) -> None:
        """Begin to count the time; a second call changes nothing."""
        if self._timer is None:
            self._timer = threading.Timer(END_LIMIT_S, self._end)
            self._timer.daemon = True
            self._timer.start()

    def _end(self) -> None:
        logger.error("not over within %g s, so what is left is killed", END_LIMIT_S)
        saving = threading.Thread(target=self._save, daemon=True)
        saving.start()
        end_what_is_left()
        saving.join(_BRIEFLY_S)
        os._exit(0)


def end_what_is_left() -> None:
    """Kill what Butler has left behind, and log what could not be."""
    if left := end_all(_BRIEFLY_S):
        logger.error("these processes could not be ended: %s", listed(left))


@contextmanager
def _stopping_on_signals(
    bot: Bot, on_stop: Callable[[], None], on_hangup: Callable[[], None] | None = None
) -> Iterator[None]:
    """Let SIGINT, SIGTERM and the end of the terminal (SIGHUP) end the bot.

    With ``on_hangup``, SIGHUP calls that instead.

    Turns may complete for 6 s or until a second signal; then they are cancelled, and their
    messages stay unacknowledged: the next start goes on with them. So to be cut off after SIGTERM
    or SIGHUP is no failure.
    """
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    assert main is not None  # noqa: S101 - there is a task where there is a running coroutine
    deadline: list[asyncio.TimerHandle] = []
    was_asked = False

    def on_signal(number: signal.Signals) -> None:
        nonlocal was_asked
        was_asked = was_asked or number is not signal.SIGINT
        logger.info("Stopping at once." if deadline else "Stopping…")
        bot.stop()
        on_stop()
        deadline.append(loop.call_later(0 if deadline else SHUTDOWN_S, main.cancel))

    actions: dict[signal.Signals, Callable[[], None]] = {
        each: partial(on_signal, each) for each in (signal.SIGINT, signal.SIGTERM)
    }
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
        actions[signal.SIGHUP] = on_hangup or partial(on_signal, signal.SIGHUP)
    try:
        with _handling(actions):
            yield
    except asyncio.CancelledError:
        if not was_asked:
            raise
        main.uncancel()
        logger.warning("turns were cut off; the next start goes on with them")
    finally:
        for timer in deadline:
            timer.cancel()


@contextmanager
def _handling(actions: Mapping[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number, action in actions.items():
        loop.add_signal_handler(number, action)
    try:
        yield
    finally:
        for number in actions:
            loop.remove_signal_handler(number)


async def converse(
    setup: Setup,
    transport: Transport,
    records: Records,
    on_stop: Callable[[], None] = lambda: None,
    on_start: Callable[[Bot], None] = lambda _bot: None,
    name: str = "another Butler",
    side: FleetSide = ALONE,
    reloader: Reloads | None = None,
) -> None:
    """Serve the messages from ``transport`` until it closes or a stop signal arrives.

    Args:
        setup: The checked configuration.
        transport: The source of messages.
        records: The log of handled and ignored messages.
        on_stop: Called on a stop signal, before the turns in progress complete.
        on_start: Called with the bot before it serves.
        name: This process, for others that share the data folder.
        side: What is different where there are other machines.
        reloader: Reads the configuration again when it is asked to.
    """
    async with open_bot(setup, transport, records, name, side) as bot, AsyncExitStack() as stack:
        on_start(bot)
        answer: Answers = bot.ask
        on_hangup = None
        if reloader is not None:
            await stack.enter_async_context(reloader.watching(bot.tell_owner))
            answer, on_hangup = reloader.answering(bot.ask), reloader.on_hangup
        door = Door(setup.plugins.values(), bot)
        await stack.enter_async_context(answering(setup.config.data_dir, answer, door))
        with _stopping_on_signals(bot, on_stop, on_hangup):
            await bot.serve()
