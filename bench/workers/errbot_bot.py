"""Errbot: messages through ``callback_message``, on the same thread; state in the plugin's store.

``errbot_bot.py STORE`` where STORE is ``Memory`` or ``Shelf``; the files go where it is
started.
"""

import asyncio
import logging
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from errbot.backends.base import Message
from errbot.bootstrap import setup_bot
from errbot.core import ErrBot
from worker import Sink, chat_number, serve

PARTS = Path(__file__).parent / "errbot_parts"


def started_bot(folder: str, store: str, sink: Sink) -> ErrBot:
    config = SimpleNamespace(
        BOT_DATA_DIR=folder,
        BOT_EXTRA_PLUGIN_DIR=str(PARTS / "plugin"),
        BOT_EXTRA_BACKEND_DIR=str(PARTS / "backend"),
        BOT_PLUGIN_INDEXES=(),
        BOT_LOG_FILE=None,
        BOT_LOG_LEVEL=logging.ERROR,
        BOT_ADMINS=("owner",),
        BOT_ASYNC=False,
        BOT_PREFIX="/",
        CORE_PLUGINS=("ACLs", "CommandNotFoundFilter"),
        STORAGE=store,
    )
    bot = setup_bot("Sink", logging.getLogger(), config)
    bot.sink = sink
    bot.connect_callback()
    return bot


def message(bot: ErrBot, number: int, text: str) -> Message:
    made = Message(text, frm=bot.build_identifier(f"chat{chat_number(number)}"))
    made.to = bot.bot_identifier
    return made


async def main(store: str) -> None:
    sink = Sink()
    bot = started_bot(str(Path.cwd()), store, sink)

    async def handle_all(messages: list[Message]) -> None:
        for each in messages:
            bot.callback_message(each)

    await serve(partial(message, bot), handle_all, sink.count, "errbot")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
