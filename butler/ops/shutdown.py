"""Serves until the transport closes or a signal arrives."""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from butler.app import Setup, open_bot
from butler.chat.transport import Transport
from butler.core.bot import Bot
from butler.ops.control import answering
from butler.records.model import Records

logger = logging.getLogger(__name__)

SHUTDOWN_S = 8.0
"""Grace period of turns after a stop signal; turns that were cut off are retried at the start."""


@contextmanager
def _stopping_on_signals(bot: Bot, on_stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT, SIGTERM and the end of the terminal (SIGHUP) end the bot.

    Turns may complete for 8 s or until a second signal; then they are cancelled, and their
    messages stay unacknowledged.
    """
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    assert main is not None  # noqa: S101 - there is a task where there is a running coroutine
    deadline: list[asyncio.TimerHandle] = []

    def on_signal() -> None:
        logger.info("Stopping at once." if deadline else "Stopping…")
        bot.stop()
        on_stop()
        deadline.append(loop.call_later(0 if deadline else SHUTDOWN_S, main.cancel))

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
        for timer in deadline:
            timer.cancel()


async def converse(
    setup: Setup,
    transport: Transport,
    records: Records,
    on_stop: Callable[[], None] = lambda: None,
    on_start: Callable[[Bot], None] = lambda _bot: None,
    name: str = "another Butler",
) -> None:
    """Serve the messages from ``transport`` until it closes or a stop signal arrives.

    Args:
        setup: The checked configuration.
        transport: The source of messages.
        records: The log of handled and ignored messages.
        on_stop: Called on a stop signal, before the turns in progress complete.
        on_start: Called with the bot before it serves.
        name: This process, for others that share the data folder.
    """
    async with open_bot(setup, transport, records, name) as bot:
        on_start(bot)
        async with answering(setup.config.data_dir, bot.ask):
            with _stopping_on_signals(bot, on_stop):
                await bot.serve()
