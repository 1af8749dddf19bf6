"""The server: its parts, put together, and what a test does with it."""

import asyncio
import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from whatsapp_server import contents
from whatsapp_server.binary_xml import BinaryXml
from whatsapp_server.connection import Connection
from whatsapp_server.contents import Content, Quotable
from whatsapp_server.devices import Device
from whatsapp_server.dispatch import Dispatch
from whatsapp_server.elements import Addressing, Element, Jid
from whatsapp_server.faults import Faults
from whatsapp_server.inbox import Inbox
from whatsapp_server.installation import installation
from whatsapp_server.line import Line
from whatsapp_server.linking import Linking
from whatsapp_server.logins import Logins
from whatsapp_server.media import Media
from whatsapp_server.messages import ChatState, Damage, Reply, Sent
from whatsapp_server.noise import Authority
from whatsapp_server.outbox import Outbox
from whatsapp_server.people import Broadcast, Chat, Group, Newsletter, Person
from whatsapp_server.proxy import Proxy
from whatsapp_server.queries import Queries
from whatsapp_server.timeline import PATIENCE_S, Timeline
from whatsapp_server.web_socket import WebSocket
from whatsapp_server.world import World


class WhatsAppServer:
    """A stand-in for WhatsApp's servers on the loopback interface, with people to talk to.

    ```python
    async with WhatsAppServer() as server:
        bot = await asyncio.create_subprocess_exec(..., env=server.environment())
        await server.scan(qr)
        alice = server.person("Alice")
        team = server.group("Team", [alice])
        await server.send_text("hi", sender=alice, chat=team)
        reply = await server.next_reply()
    ```

    ``cache`` is where the patched copy of neonize is kept. A world taken from another server
    makes this one continue where that one stopped.
    """

    def __init__(self, *, world: World | None = None, cache: Path | None = None) -> None:
        self.addressing: Addressing = "lid"
        """How direct messages are addressed unless they say otherwise."""
        self.world = world or World()
        self.timeline = Timeline()
        files = installation(cache)
        self._environment = files.environment
        self._authority = Authority(files.root)
        self._xml = BinaryXml(files.tokens())
        media = self.media = Media()
        self._line = Line(self.timeline)
        self._linking = Linking(self.world, self.timeline)
        self._inbox = Inbox(self.world, self._line, self.timeline)
        self._outbox = Outbox(self.world, self._line, self.timeline, media)
        logins = Logins(self.world, self._line, self.timeline)
        queries = Queries(self.world, media, self.timeline)
        self._dispatch = Dispatch(
            self.world,
            self.timeline,
            self._line,
            self._linking,
            logins,
            queries,
            self._inbox,
            self._outbox,
        )
        self._proxy = Proxy(files.tls(), self.timeline, self._serve, media.respond)
        self.faults = Faults(
            self.world, self._line, self._proxy, logins, queries, self._outbox, media
        )

    async def __aenter__(self) -> Self:
        await self._proxy.listen()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._proxy.stop_listening()
        await self._proxy.end_connections()

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment for the bot's process, based on this process's by default."""
        return self._environment(self._proxy.url, os.environ if base is None else base)

    # Linking

    async def scan(self, qr: str | bytes, timeout_s: float = PATIENCE_S) -> None:
        """Scan the QR code that the bot shows, and wait until it is online.

        Raises:
            ValueError: No client that is connected shows this code.
            TimeoutError: The bot does not come online.
        """
        mark = self.timeline.mark()
        self._linking.scan(qr.decode() if isinstance(qr, bytes) else qr)
        await self.timeline.wait("online", timeout_s, since=mark)

    async def enter_code(self, code: str, timeout_s: float = PATIENCE_S) -> None:
        """Type the code that the bot shows for the phone, and wait until it is online.

        Raises:
            ValueError: The code is wrong, or no client that is connected has asked for one.
            TimeoutError: The bot does not come online.
        """
        mark = self.timeline.mark()
        check = self._linking.enter_code(code)
        ended = {"online", "code-wrong"}
        await self.timeline.until(
            lambda: bool(ended & set(self.timeline.names(mark))), timeout_s, "end of pairing"
        )
        check()

    def request_passkey(self) -> None:
        """Ask the clients that show a QR code for a passkey; neonize then gives up."""
        self._linking.request_passkey()

    @property
    def linked_device_name(self) -> str | None:
        """What the owner's phone shows under “Linked devices”, if the bot is there."""
        return self.world.linked.name if self.world.linked else None

    @property
    def is_online(self) -> bool:
        """Whether the bot is logged in and has asked for its messages."""
        return self._line.is_online

    async def wait_online(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the bot is online.

        Raises:
            TimeoutError: It is not.
        """
        await self.timeline.until(lambda: self.is_online, timeout_s, "client online")

    async def wait_offline(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until no client is connected.

        Raises:
            TimeoutError: One is.
        """
        await self.timeline.until(lambda: not self._line.connections, timeout_s, "disconnection")

    # People and chats

    @property
    def owner(self) -> Person:
        """The owner of the bot's account; sends from the phone, and is the chat with oneself."""
        return self.world.account

    def person(
        self,
        name: str,
        *,
        phone: str | None = None,
        lid: str | None = None,
        device_count: int = 1,
        shows_other_address: bool = True,
    ) -> Person:
        """Add a person, with a made-up phone number and LID unless given."""
        serial = self.world.next_serial()
        devices = {number: Device() for number in range(device_count)}
        phone, lid = phone or f"1555020{serial:04d}", lid or f"8000000000{serial:04d}"
        person = Person(name, phone, lid, devices, shows_other_address)
        self.world.people.append(person)
        return person

    def group(
        self, subject: str, members: Iterable[Person], *, addressing: Addressing = "lid"
    ) -> Group:
        """Add a group of these people and the bot's account."""
        jid = Jid(f"12036300000000{self.world.next_serial():04d}", "g.us")
        group = Group(jid, subject, list(members), addressing)
        self.world.groups.append(group)
        return group

    def broadcast_list(self) -> Broadcast:
        """Add a broadcast list; for everybody's status updates there is ``STATUS``."""
        return Broadcast(Jid(f"1700000000{self.world.next_serial():04d}", "broadcast"))

    def newsletter(self, name: str) -> Newsletter:
        """Add a channel that the bot's account follows."""
        return Newsletter(Jid(f"12036400000000{self.world.next_serial():04d}", "newsletter"), name)

    # Messages to the bot

    async def send_text(
        self,
        text: str,
        *,
        sender: Person,
        chat: Chat | None = None,
        quote: Quotable | None = None,
        mentions: Iterable[Person] = (),
        addressing: Addressing | None = None,
        message_id: str | None = None,
        device: int = 0,
        sent_at_s: int | None = None,
        damage: Damage = "none",
    ) -> Sent:
        """Send a text to the bot, directly or in a chat; for the options see `send`."""
        return await self.send(
            contents.text(text, quote=quote, mentions=mentions),
            sender=sender,
            chat=chat,
            addressing=addressing,
            message_id=message_id,
            device=device,
            sent_at_s=sent_at_s,
            damage=damage,
        )

    async def send(
        self,
        content: Content,
        *,
        sender: Person,
        chat: Chat | None = None,
        addressing: Addressing | None = None,
        message_id: str | None = None,
        device: int = 0,
        sent_at_s: int | None = None,
        damage: Damage = "none",
    ) -> Sent:
        """Send anything that `contents` can build; a bot that is away gets it when it is back.

        ``device`` is the one of the sender's devices; ``sent_at_s`` the Unix time, now by
        default; ``damage`` makes the bot unable to decrypt it ``once`` or ``always``.

        Raises:
            TimeoutError: No device is linked.
        """
        return await self._inbox.send(
            content,
            sender,
            chat or sender,
            addressing=addressing or self.addressing,
            message_id=message_id,
            device=device,
            sent_at_s=sent_at_s,
            damage=damage,
        )

    def send_stanza(self, stanza: Element) -> None:
        """Send any element, however senseless, to the bot."""
        self._line.send(stanza)

    def redeliver(self, sent: Sent, *, fresh: bool = False) -> None:
        """Deliver a message again under its id: the same ciphertext, or encrypted anew."""
        self._inbox.redeliver(sent, fresh=fresh)

    async def wait_acknowledged(self, *sent: Sent, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the bot's client has answered these messages.

        Raises:
            TimeoutError: It has not.
        """
        await self.timeline.until(
            lambda: all(one.is_acknowledged for one in sent), timeout_s, "acknowledgement"
        )

    # Messages of the bot

    async def next_reply(self, timeout_s: float = PATIENCE_S) -> Reply:
        """Return the next message of the bot, decrypted.

        Raises:
            TimeoutError: There is none.
        """
        with contextlib.suppress(asyncio.QueueEmpty):
            return self._outbox.unread.get_nowait()
        await self.timeline.until(lambda: not self._outbox.unread.empty(), timeout_s, "reply")
        return self._outbox.unread.get_nowait()

    @property
    def replies(self) -> list[Reply]:
        """Every message of the bot so far, in order."""
        return list(self.world.replies.values())

    @property
    def chat_states(self) -> list[ChatState]:
        """When the bot has shown that it types, and that it has stopped, in order."""
        return self._outbox.chat_states

    def read(self, reply: Reply) -> None:
        """Tell the bot that the people in the chat have read its message."""
        self._outbox.receipt(reply, "read")

    async def _serve(self, socket: WebSocket) -> None:
        await self._dispatch.serve(Connection(socket, self._authority, self._xml, self.timeline))
