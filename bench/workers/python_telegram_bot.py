"""python-telegram-bot: updates through ``Application.process_update``; state in ``chat_data``.

``python_telegram_bot.py sink`` puts the reply into the sink itself; with ``reply`` in the place of
``sink`` it replies as bots do, with a request class that ends in the sink.
"""

import asyncio
import json
import sys
from functools import partial

from telegram import Update
from telegram.ext import Application, CommandHandler, ContextTypes
from telegram.request import BaseRequest
from worker import COMMAND_NAMES, Sink, chat_number, one_by_one, serve

TOKEN = "1:token"  # noqa: S105 - nobody's
BOT = {"id": 1, "is_bot": True, "first_name": "Butler", "username": "butler_bot"}
Context = ContextTypes.DEFAULT_TYPE


class SinkRequest(BaseRequest):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    @property
    def read_timeout(self) -> float:
        return 5.0

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def do_request(self, url, method, request_data=None, *timeouts, **more):  # noqa: ANN001, ANN002, ANN003, ANN201 - as its base has it
        if url.endswith("getMe"):
            return 200, json.dumps({"ok": True, "result": BOT}).encode()
        self._sink.put(request_data.parameters["text"])
        chat = {"id": request_data.parameters["chat_id"], "type": "group", "title": "Team"}
        result = {"message_id": 2, "date": 1_750_000_000, "chat": chat, "from": BOT, "text": "ok"}
        return 200, json.dumps({"ok": True, "result": result}).encode()


class Chats:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def use(self, update: Update, context: Context) -> None:
        context.chat_data["repo"] = context.args[0]
        self._sink.put(f"This chat now works on *{context.args[0]}*.")

    async def use_and_reply(self, update: Update, context: Context) -> None:
        context.chat_data["repo"] = context.args[0]
        await update.message.reply_text(f"This chat now works on *{context.args[0]}*.")


def update(bot: object, number: int, text: str) -> Update:
    chat = -1_000_000 - chat_number(number)
    message = {
        "message_id": number + 1,
        "date": 1_750_000_000,
        "chat": {"id": chat, "type": "group", "title": "Team"},
        "from": {"id": 7, "is_bot": False, "first_name": "Ada"},
        "text": text,
        "entities": [{"type": "bot_command", "offset": 0, "length": 4}],
    }
    return Update.de_json({"update_id": number + 1, "message": message}, bot)


async def main(reply: str) -> None:
    sink = Sink()
    request = SinkRequest(sink)
    builder = Application.builder().token(TOKEN).request(request).get_updates_request(request)
    app = builder.updater(None).build()
    chats = Chats(sink)
    use = chats.use_and_reply if reply == "reply" else chats.use
    for name in COMMAND_NAMES:
        app.add_handler(CommandHandler(name, use))
    async with app:
        handle_all = partial(one_by_one, app.process_update)
        await serve(partial(update, app.bot), handle_all, sink.count, "python-telegram-bot")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
