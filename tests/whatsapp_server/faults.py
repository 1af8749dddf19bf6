"""What can go wrong, on purpose. Every fault lasts until it is taken back, or counts down."""

from whatsapp_server.elements import Element, element
from whatsapp_server.line import Line
from whatsapp_server.logins import LoginFailure, Logins
from whatsapp_server.media import Media
from whatsapp_server.outbox import Outbox
from whatsapp_server.people import Group
from whatsapp_server.proxy import Door, Proxy
from whatsapp_server.queries import Queries
from whatsapp_server.world import World

_BANNED, _OUTDATED = 402, 405


class Faults:
    """Five kinds: new connections, the present connection, logins, queries, the bot's messages."""

    def __init__(
        self,
        world: World,
        line: Line,
        proxy: Proxy,
        logins: Logins,
        queries: Queries,
        outbox: Outbox,
        media: Media,
    ) -> None:
        self._world = world
        self._line = line
        self._proxy = proxy
        self._logins = logins
        self._queries = queries
        self._acknowledgements = outbox.acknowledgements
        self._media = media

    # New connections

    def shut(self, door: Door = Door.REFUSED) -> None:
        """Let new connections get only this far, and cut those that exist."""
        self._proxy.door = door
        if door is Door.CLOSED:
            self._proxy.stop_listening()
        self._proxy.cut()

    async def reopen(self) -> None:
        """Let connections through again."""
        self._proxy.door = Door.OPEN
        await self._proxy.listen()

    def refuse_connections(self, count: int) -> None:
        """Refuse the next attempts to connect, and leave what exists alone."""
        self._proxy.refusals_left = count

    # The present connection

    def drop(self) -> None:
        """Cut the connection without a goodbye; the client may come back at once."""
        self._proxy.cut()

    def freeze(self) -> None:
        """Neither answer nor say anything on the present connections, but keep them open."""
        for connection in self._line.connections:
            connection.is_frozen = True

    def stream_error(self, code: int) -> None:
        """End the connection with an error, such as 515 (reconnect) or 503 (restart)."""
        self._end(element("stream:error", {"code": code}))

    def replace(self) -> None:
        """Tell the client that another process has taken its place."""
        self._line.replace()

    def log_out(self) -> None:
        """Remove the device, as the owner can do on the phone; it has to be linked again."""
        self._world.unlink()
        removed = element("conflict", {"type": "device_removed"})
        self._end(element("stream:error", {"code": 401}, removed))

    def _end(self, last_words: Element) -> None:
        client = self._line.client
        if client is not None:
            client.send(last_words)
            client.close_soon()

    # Logins

    def fail_logins(
        self, reason: int, *, code: int | None = None, expire_s: int | None = None
    ) -> None:
        """Fail every login with this reason, and make the client try one now."""
        self._logins.failure = LoginFailure(reason, code, expire_s)
        self._proxy.cut()

    def ban(self, expire_s: int = 3_600, code: int = 101) -> None:
        """Ban the account for a time: every login fails."""
        self.fail_logins(_BANNED, code=code, expire_s=expire_s)

    def outdate(self) -> None:
        """Call the client too old: every login fails."""
        self.fail_logins(_OUTDATED)

    def accept_logins(self) -> None:
        """Let clients log in again."""
        self._logins.failure = None

    # Queries

    def silence(self, group: Group, after: int = 0) -> None:
        """Never answer a query about the group, but for so many; a first message needs one."""
        self._queries.silence(group, after)

    # The bot's messages

    def hold_acknowledgements(self) -> None:
        """Accept messages, but tell the bot only when asked to."""
        self._acknowledgements.hold()

    def release_acknowledgements(self) -> None:
        """Tell the bot about the messages of before, and from now on at once."""
        self._acknowledgements.release()

    def lose_acknowledgements(self, count: int | None = None) -> None:
        """Accept the next messages, or all, but never tell the bot."""
        self._acknowledgements.lose(count)

    def reject_messages(self, error: int, count: int | None = None) -> None:
        """Refuse the next messages, or all: 463 is first contact, 479 a stale session."""
        self._acknowledgements.reject(error, count)

    def accept_messages(self) -> None:
        """Accept and acknowledge messages again."""
        self._acknowledgements.accept()

    def reject_uploads(self, status: int = 500) -> None:
        """Answer every upload of a file with this HTTP status."""
        self._media.upload_error = status

    def accept_uploads(self) -> None:
        """Take files again."""
        self._media.upload_error = None
