"""Serving until the transport closes or a signal asks to stop."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from butler.app import Setup, open_bot
from butler.chat.transport import Transport
from butler.core.bot import Bot
from butler.records.model import Records

SHUTDOWN_S = 8.0
"""Turns have this long to end once Butler is asked to stop; what is left is repeated later."""


@contextmanager
def _stopping_on_signals(bot: Bot, on_stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the bot.

    Turns go on to their end, for 8 s at most or until a second signal; then they are cancelled, and
    their messages stay unacknowledged.
    """
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    assert main is not None  # noqa: S101 - there is a task where there is a running coroutine
    deadline: list[asyncio.TimerHandle] = []

    def on_signal() -> None:
        bot.stop()
        on_stop()
        deadline.append(loop.call_later(0 if deadline else SHUTDOWN_S, main.cancel))

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        for timer in deadline:
            timer.cancel()


async def converse(
    setup: Setup,
    transport: Transport,
    records: Records,
    on_stop: Callable[[], None] = lambda: None,
) -> None:
    """Serve what comes through ``transport`` until it closes or a signal asks to stop.

    Args:
        setup: What is served.
        transport: Where messages come from.
        records: Where it is noted what became of them.
        on_stop: Called when a signal asks to stop; turns go on to their end after it.
    """
    async with open_bot(setup, transport, records) as bot:
        with _stopping_on_signals(bot, on_stop):
            await bot.serve()
