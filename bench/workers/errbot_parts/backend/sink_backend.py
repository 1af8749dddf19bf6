"""A backend of Errbot that ends in a sink."""

from errbot.backends.base import Message, Person
from errbot.core import ErrBot


class Chat(Person):
    """A direct chat with one person."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __str__(self) -> str:
        return self._name

    @property
    def person(self) -> str:
        return self._name

    client = nick = fullname = email = aclattr = person


class SinkBackend(ErrBot):
    mode = "sink"

    def __init__(self, config: object) -> None:
        super().__init__(config)
        self.bot_identifier = Chat("butler")

    def build_identifier(self, name: str) -> Chat:
        return Chat(name)

    def build_reply(self, msg: Message, text: str | None = None, **_how: bool) -> Message:
        reply = self.build_message(text)
        reply.frm, reply.to = self.bot_identifier, msg.frm
        return reply

    def send_message(self, msg: Message) -> None:
        super().send_message(msg)
        self.sink.put(msg.body)

    def change_presence(self, status: str = "", message: str = "") -> None: ...

    def prefix_groupchat_reply(self, message: Message, identifier: Chat) -> None: ...

    def query_room(self, room: str) -> None: ...

    def rooms(self) -> None: ...
