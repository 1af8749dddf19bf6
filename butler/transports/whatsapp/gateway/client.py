"""The adapter of neonize: one client, its calls with a timeout, its events as bytes."""

import ctypes
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from neonize._binder import gocode
from neonize.aioze import client as library
from neonize.aioze.client import NewAClient
from neonize.exc import NeonizeError
from neonize.proto.Neonize_pb2 import LogEntry, SendMessageReturnFunction
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content
from neonize.utils.enum import ChatPresence, ChatPresenceMedia, ClientType, MediaType
from neonize.utils.log import log_whatsmeow

from butler.transports.whatsapp.account import CREDENTIALS
from butler.transports.whatsapp.gateway.call_thread import CallThread
from butler.transports.whatsapp.gateway.events import Event
from butler.transports.whatsapp.gateway.jids import jid
from butler.transports.whatsapp.gateway.send_errors import SendError

if TYPE_CHECKING:
    import asyncio

# WAL and a busy time-out go through as options of the Go driver; "_x=" swallows what neonize
# appends to the name.
_OPTIONS = "?_foreign_keys=on&_journal_mode=WAL&_busy_timeout=20000&_synchronous=NORMAL&_x="


class Client:
    """One client of one account.

    Args:
        folder: The folder of its credentials.
        device_name: The name that the phone shows under "Linked devices"; fixed when linking.
        on_event: Called with each event, in order, on a thread of the library.
        on_login_status: Called with the steps of linking, on a thread of the library.
        on_qr: Called with each QR code, on the loop.
        on_log: Called with each line of the library's log, on the thread that goes on after it.
    """

    def __init__(
        self,
        folder: Path,
        device_name: str,
        on_event: Callable[[int, bytes], None],
        on_login_status: Callable[[str], None],
        on_qr: Callable[[str], Awaitable[None]],
        on_log: Callable[[str], None],
    ) -> None:
        async def show(_client: NewAClient, qr: bytes) -> None:
            await on_qr(qr.decode())

        def execute(_uuid: int, pointer: int, size: int, code: int) -> None:
            on_event(code, ctypes.string_at(pointer, size))

        def status(_uuid: int, pointer: int) -> None:
            on_login_status(ctypes.string_at(pointer).decode(errors="replace"))

        def log(pointer: int, size: int) -> None:
            log_whatsmeow(pointer, size)
            on_log(LogEntry.FromString(ctypes.string_at(pointer, size)).Message)

        self._sends = CallThread("sends")
        properties = DeviceProps(os=device_name, platformType=DeviceProps.DESKTOP)
        path = quote(str(folder.absolute() / CREDENTIALS))
        self._client = NewAClient(f"{path}{_OPTIONS}", props=properties, uuid="butler")
        self._client.event.list_func.update(dict.fromkeys(Event, None))
        self._client.event.execute = execute
        self._client.event.qr(show)
        # The only way to learn the login status is to replace this no-op (aioze/client.py).
        self._client._NewAClient__onLoginStatus = status  # noqa: SLF001
        # The package's own function only puts the line into a queue (utils/log.py).
        library.log_whatsmeow = log

    async def connect(self) -> "asyncio.Task[None]":
        """Connect; the returned task ends only if the library's connection does."""
        task: asyncio.Task[None] = await self._client.connect()
        return task

    async def is_logged_in(self) -> bool:
        """Ask the library whether messages can be sent and received."""
        return bool(await self._client.is_logged_in)

    async def pair_code(self, digits: str) -> str:
        """Return the code to type on the phone with this number.

        Raises:
            NeonizeError: WhatsApp refused.
        """
        # WhatsApp takes only the name of a browser it knows here.
        return str(await self._client.PairPhone(digits, True, client_type=ClientType.CHROME))

    async def log_out(self) -> None:
        """Unlink this device.

        Raises:
            NeonizeError: WhatsApp refused.
        """
        await self._client.logout()

    def send(self, chat_id: str, content: Content) -> "asyncio.Future[str]":
        """Begin to send ``content``; return its id in the end.

        Raises:
            SendError: WhatsApp rejected it, or the outcome is unknown.
        """
        to, message = jid(chat_id).SerializeToString(), content.SerializeToString()
        return self._sends.call(lambda: self._sent(to, message))

    def _sent(self, to: bytes, message: bytes) -> str:
        """Send; blocks. The package's own coroutine does that on a pool of threads."""
        answer = gocode.SendMessage(self._client.uuid, to, len(to), message, len(message))
        found = SendMessageReturnFunction.FromString(answer)
        if found.Error:
            raise SendError(found.Error)
        return str(found.SendResponse.ID)

    async def upload(self, data: bytes, *, is_picture: bool = False) -> Any:
        """Upload a picture or a document; return its reference for a message.

        Raises:
            SendError: It was rejected.
        """
        try:
            kind = MediaType.MediaImage if is_picture else MediaType.MediaDocument
            return await self._client.upload(data, kind)
        except NeonizeError as error:
            raise SendError(str(error)) from error

    async def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Show or hide the typing indicator.

        Raises:
            NeonizeError: It cannot be shown.
        """
        state = (
            ChatPresence.CHAT_PRESENCE_COMPOSING if is_typing else ChatPresence.CHAT_PRESENCE_PAUSED
        )
        media = ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT
        await self._client.send_chat_presence(jid(chat_id), state, media)

    async def group_subject(self, chat_id: str) -> str:
        """Query the name of a group.

        Raises:
            NeonizeError: WhatsApp refused.
            DecodeError: The response cannot be decoded.
        """
        return str((await self._client.get_group_info(jid(chat_id))).GroupName.Name)

    async def stop(self) -> None:
        """Disconnect."""
        await self._client.stop()
