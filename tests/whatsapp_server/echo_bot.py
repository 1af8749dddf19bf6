"""A tiny neonize bot for the stand-in's own tests. It knows nothing of the stand-in.

Writes one JSON line per event to standard output, answers every text, and does what a text that
begins with a slash says. Its argument is the path of its database.
"""

import asyncio
import ctypes
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import libmagic  # type: ignore[import-not-found] # noqa: F401 - beside this script
from neonize.aioze import events
from neonize.aioze.client import NewAClient
from neonize.proto.Neonize_pb2 import UndecryptableMessage
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils import log
from neonize.utils.enum import ChatPresence, ChatPresenceMedia
from neonize.utils.jid import Jid2String

_THREADS = 32
_CAPTIONED = ("imageMessage", "videoMessage", "documentMessage")
_WRAPPERS = ("ephemeralMessage", "viewOnceMessage", "documentWithCaptionMessage")
_FACTS = {
    events.DisconnectedEv: ("disconnected", ()),
    events.StreamReplacedEv: ("replaced", ()),
    events.LoggedOutEv: ("logged-out", ("OnConnect",)),
    events.TemporaryBanEv: ("banned", ("Code", "Expire")),
    events.ClientOutdatedEv: ("outdated", ()),
    events.ConnectFailureEv: ("connect-failure", ("Reason",)),
    events.StreamErrorEv: ("stream-error", ("Code",)),
    events.ReceiptEv: ("receipt", ("Type",)),
    events.ConnectedEv: ("connected", ()),
    events.OfflineSyncCompletedEv: ("offline-completed", ("Count",)),
}


def emit(event: str, **detail: object) -> None:
    """Tell the test what happened."""
    os.write(1, (json.dumps({"event": event, "at": time.time(), **detail}) + "\n").encode())


def text_of(message: Any) -> str:
    """Return the text of a message, also from captions and wrappers."""
    for wrapper in _WRAPPERS:
        if message.HasField(wrapper):
            return text_of(getattr(message, wrapper).message)
    captions = [getattr(message, name).caption for name in _CAPTIONED]
    texts = [message.conversation, message.extendedTextMessage.text, *captions]
    return next(filter(None, texts), "")


class EchoBot(NewAClient):  # type: ignore[misc]  # neonize has no types
    """Reports events, and answers."""

    def _NewAClient__onLoginStatus(self, _: Any, status: int) -> None:  # noqa: N802
        emit("login-status", status=ctypes.string_at(status).decode())

    def subscribe(self) -> None:
        """Ask for all events that are reported."""
        self.event.qr(self._on_qr)
        self.event(events.MessageEv)(self._on_message)
        self.event(UndecryptableMessage)(self._on_undecryptable)
        for event, (name, fields) in _FACTS.items():
            self.event(event)(_reporter(name, fields))

    async def _on_qr(self, _: Any, qr: bytes) -> None:
        emit("qr", qr=qr.decode())
        phone = os.environ.get("ECHO_BOT_PHONE")
        if phone:
            emit("code", code=await self.PairPhone(phone, True))

    async def _on_undecryptable(self, _: Any, event: Any) -> None:
        emit("undecryptable", id=event.Info.ID)

    async def _on_message(self, _: Any, event: Any) -> None:
        info, source, text = event.Info, event.Info.MessageSource, text_of(event.Message)
        emit(
            "message",
            id=info.ID,
            text=text,
            chat=Jid2String(source.Chat),
            sender=Jid2String(source.Sender),
            other=Jid2String(source.SenderAlt) if source.SenderAlt.User else "",
            is_group=source.IsGroup,
            is_own=source.IsFromMe,
            edit=info.Edit,
            fields=[field.name for field, _ in event.Message.ListFields()],
        )
        if text and not text.startswith("/quiet") and source.Chat.Server != "newsletter":
            await self._answer(event, text)

    async def _answer(self, event: Any, text: str) -> None:
        command, _, argument = text.partition(" ")
        chat = event.Info.MessageSource.Chat
        try:
            match command:
                case "/send":
                    sent = await self.send_message(chat, Message(conversation=argument))
                    emit("sent", id=sent.ID)
                case "/edit":
                    sent = await self.send_message(chat, Message(conversation="one"))
                    await self.edit_message(chat, sent.ID, Message(conversation="two"))
                case "/type":
                    await self._type(chat)
                case "/file":
                    data = argument.encode()
                    file = {"filename": "answer.txt", "mimetype": "text/plain"}
                    await self.send_document(chat, data, caption="see", **file)
                case "/group":
                    group = await self.get_group_info(chat)
                    emit("group", subject=group.GroupName.Name, size=len(group.Participants))
                case _:
                    await self.reply_message(f"echo {text}", event)
        except Exception as error:  # noqa: BLE001  # the boundary: the test decides
            emit("send-error", error=str(error))

    async def _type(self, chat: Any) -> None:
        media = ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT
        for state in ("COMPOSING", "PAUSED"):
            presence = getattr(ChatPresence, f"CHAT_PRESENCE_{state}")
            await self.send_chat_presence(chat, presence, media)


def _reporter(name: str, fields: tuple[str, ...]) -> Any:
    async def report(_: Any, event: Any) -> None:
        emit(name, **{field.lower(): getattr(event, field) for field in fields})

    return report


async def main() -> None:
    """Run until killed."""
    log.setLevel(os.environ.get("ECHO_BOT_LOG", "ERROR"))
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    properties = DeviceProps(os="Echo Bot", platformType=DeviceProps.PlatformType.CHROME)
    bot = EchoBot(sys.argv[1], props=properties)
    bot.subscribe()
    try:
        await (await bot.connect())
    except Exception as error:  # noqa: BLE001  # the boundary: the test decides
        emit("connect-error", error=str(error))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
