"""aiogram: updates through ``Dispatcher.feed_update``; state in its FSM storage.

``aiogram_3.py sink`` puts the reply into the sink itself, ``aiogram_3.py reply [URL]`` answers as
bots do, with a session that ends in the sink; with a URL, state is in Redis.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.client.session.base import BaseSession
from aiogram.filters import Command, CommandObject
from aiogram.fsm.context import FSMContext
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.fsm.storage.redis import RedisStorage
from aiogram.methods import TelegramMethod
from aiogram.types import Chat, Message, Update
from worker import COMMAND_NAMES, Sink, chat_number, one_by_one, serve

TOKEN = "1:token"  # noqa: S105 - nobody's


class SinkSession(BaseSession):
    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    async def make_request(
        self, bot: Bot, method: TelegramMethod[Any], *_more: Any, **_how: Any
    ) -> Message:
        self._sink.put(method.text)
        chat = Chat(id=method.chat_id, type="group", title="Team")
        return Message(message_id=2, date=1_750_000_000, chat=chat, text=method.text)

    async def close(self) -> None: ...

    async def stream_content(self, *_args: Any, **_more: Any) -> AsyncGenerator[bytes, None]:
        yield b""


class Chats:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def use(self, message: Message, command: CommandObject, state: FSMContext) -> None:
        await state.update_data(repo=command.args)
        self._sink.put(f"This chat now works on *{command.args}*.")

    async def use_and_reply(
        self, message: Message, command: CommandObject, state: FSMContext
    ) -> None:
        await state.update_data(repo=command.args)
        await message.answer(f"This chat now works on *{command.args}*.")


def update(bot: Bot, number: int, text: str) -> Update:
    chat = -1_000_000 - chat_number(number)
    message = {
        "message_id": number + 1,
        "date": 1_750_000_000,
        "chat": {"id": chat, "type": "group", "title": "Team"},
        "from": {"id": 7, "is_bot": False, "first_name": "Ada"},
        "text": text,
    }
    raw = {"update_id": number + 1, "message": message}
    return Update.model_validate(raw, context={"bot": bot})


async def main(reply: str, url: str | None = None) -> None:
    sink = Sink()
    bot = Bot(TOKEN, session=SinkSession(sink))
    storage = RedisStorage.from_url(url) if url else MemoryStorage()
    dispatcher = Dispatcher(storage=storage)
    chats = Chats(sink)
    use = chats.use_and_reply if reply == "reply" else chats.use
    for name in COMMAND_NAMES:
        dispatcher.message.register(use, Command(name))
    handle_all = partial(one_by_one, partial(dispatcher.feed_update, bot))
    await serve(partial(update, bot), handle_all, sink.count, "aiogram")
    await storage.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
