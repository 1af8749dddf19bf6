"""The connections there are, and the one that is logged in."""

import contextlib
from collections.abc import Iterator

from whatsapp_server.connection import Connection
from whatsapp_server.elements import Element, element
from whatsapp_server.timeline import Timeline
from whatsapp_server.web_socket import ClosedError


class Line:
    """The way to the bot's client."""

    def __init__(self, timeline: Timeline) -> None:
        self.connections: list[Connection] = []
        self.client: Connection | None = None
        self._timeline = timeline

    @property
    def is_online(self) -> bool:
        """Whether the client is logged in and has asked for its messages."""
        return self.client is not None and self.client.is_active

    def send(self, element: Element) -> None:
        """Send to the client that is logged in, if there is one."""
        if self.client is not None:
            self.client.send(element)

    @contextlib.contextmanager
    def connected(self, connection: Connection) -> Iterator[None]:
        """Count the connection among the present ones for as long as it lasts."""
        self.connections.append(connection)
        try:
            with contextlib.suppress(ClosedError):
                yield
        finally:
            self.connections.remove(connection)
            if self.client is connection:
                self.client = None
            self._timeline.note("disconnected")

    def take_over(self, connection: Connection) -> None:
        """Make this the connection that is logged in; another one is told that it is replaced."""
        self.replace()
        self.client = connection
        connection.is_logged_in = True

    def replace(self) -> None:
        """Tell the client that another process has taken its place, and end its connection."""
        if self.client is None:
            return
        old, self.client = self.client, None
        old.send(element("stream:error", None, element("conflict", {"type": "replaced"})))
        old.close_soon()
