"""What the daemon and its gateway process say to each other: typed frames over a socket."""

from dataclasses import dataclass

from butler.access.rules import Refusal
from butler.chat.message import Message

MAX_TEXT_CHARS = 1024 * 1024
"""Longer texts are not handed over; escaped in JSON, one of these still fits a frame."""

MOST_QUOTED_CHARS = 1_000
"""A reply shows so much of the message that it answers."""

EDITED_TOO_LATE = Refusal("edited after it was handled", "its turn had begun")
WITHDRAWN = Refusal("withdrawn", "deleted by its sender before its turn")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a gateway waits.

    Attributes:
        send_s: For WhatsApp to acknowledge a reply, which takes milliseconds. The library would
            wait for 75 s and block all others.
        poll_s: Between two questions to the library whether it is logged in.
        poll_limit_s: For the answer.
        offline_s: For a connection, before another process tries. The library's own attempts
            grow ever rarer.
        repair_s: For a message that could not be decrypted to come again.
    """

    send_s: float = 30.0
    poll_s: float = 15.0
    poll_limit_s: float = 10.0
    offline_s: float = 60.0
    repair_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Pacing:
    """The limits for one chat, and the gap between any two messages.

    Attributes:
        burst: So many messages may follow each other at once.
        per_second: A burst grows back at this rate.
        per_minute: No minute has more than this.
        gap_s: Between two messages, whatever their chats. Encrypting while a message of the same
            person is decrypted can spoil the reply, until the person's phone asks for it again.
    """

    burst: int = 5
    per_second: float = 1.0
    per_minute: int = 20
    gap_s: float = 0.03


@dataclass(frozen=True, slots=True)
class Options:
    """The first frame to a gateway; with ``phone`` it links by code instead of a QR code."""

    folder: str
    device_name: str
    limits: Limits = Limits()
    pacing: Pacing | None = None
    is_pairing: bool = False
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


@dataclass(frozen=True, slots=True)
class Pong:
    """Yes."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a text; the same ``key`` is never sent twice.

    ``file_name`` makes it a document of that name. ``follows`` is the key of the part before it:
    if that was refused, this one is not sent either.
    """

    key: str
    chat_id: str
    text: str
    answers: Message | None = None
    edits: str | None = None
    file_name: str | None = None
    follows: str | None = None


@dataclass(frozen=True, slots=True)
class SendAll:
    """Send the parts of one text; all of them are kept before the first one leaves."""

    parts: tuple[Send, ...]


@dataclass(frozen=True, slots=True)
class Retract:
    """Nobody waits for this reply any more; do not send it if that has not begun."""

    key: str


@dataclass(frozen=True, slots=True)
class LastCall:
    """Butler is about to end: do not wait longer than needed for a reply to be acknowledged."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A reply was sent, now or earlier."""

    key: str
    id: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """A reply was not sent, or nobody can say; ``reason`` is a whole sentence."""

    key: str
    reason: str
    may_have_arrived: bool = False


@dataclass(frozen=True, slots=True)
class Typing:
    """Show in a chat that Butler types, or that it has stopped."""

    chat_id: str
    is_typing: bool


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message to act on, from the journal's ``row``.

    ``is_edit`` says that the daemon has it, and its sender has changed it since.
    """

    row: int
    message: Message
    is_edit: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that is not acted on, and the rule that decided so; no row needs no answer.

    ``withdraws`` is the row of a message that it deletes, which the daemon has.
    """

    row: int | None
    message: Message
    rule: str
    detail: str
    withdraws: int | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that could not be decrypted and did not come again; its text is empty.

    ``is_lost`` is False where the sender's phone keeps it for itself.
    """

    message: Message
    is_lost: bool


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The turns of these messages are over."""

    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The journal will not hand these rows out again."""

    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Connection:
    """WhatsApp can be reached, or no longer; ``detail`` says why."""

    is_up: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ChatName:
    """What a chat is called, fit to be shown."""

    chat_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Qr:
    """The text of a QR code to show now, in place of the last."""

    text: str


@dataclass(frozen=True, slots=True)
class PairCode:
    """The code to type on the phone."""

    code: str


@dataclass(frozen=True, slots=True)
class Linked:
    """The account is linked and was logged in once."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The gateway is about to end.

    Attributes:
        rule: A short name, such as ``logged out``.
        sentence: What happened and what to do, for a person.
        is_final: Starting it again would not help; a person has to do something.
        wait_s: Starting it again earlier would not help.
    """

    rule: str
    sentence: str
    is_final: bool = False
    wait_s: float = 0.0


ToGateway = Options | Ping | Send | SendAll | Retract | LastCall | Typing | Acknowledge
ToDaemon = (
    Pong
    | Sent
    | NotSent
    | Incoming
    | Ignored
    | Unreadable
    | Acknowledged
    | Connection
    | ChatName
    | Qr
    | PairCode
    | Linked
    | Ended
)
Frame = ToGateway | ToDaemon
