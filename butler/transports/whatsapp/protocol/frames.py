"""The typed frames between the daemon and its gateway process."""

from dataclasses import dataclass
from enum import IntEnum

from butler.access.rules import Refusal
from butler.chat.message import Message, Person

MAX_TEXT_CHARS = 1024 * 1024
"""Maximum length of a delivered text; escaped in JSON it still fits into a frame."""

MAX_DOCUMENT_BYTES = 16_000_000
"""Maximum size of a text that is sent as a document."""

MOST_QUOTED_CHARS = 1_000
"""Maximum length of a quoted text in a reply."""

LOGGED_OUT = "logged out"
"""The rule of the ``Ended`` of a device that is no longer linked."""

UNANSWERED = "unanswered"
"""The rule of the ``Ended`` of a gateway in which a message was not acknowledged."""

EDITED_TOO_LATE = Refusal("edited after it was handled", "its turn had started")
UNREADABLE_EDIT = Refusal("edit not readable", "it could not be decrypted")
WITHDRAWN = Refusal("withdrawn", "deleted by its sender before its turn")


@dataclass(frozen=True, slots=True)
class Limits:
    """Timeouts of a gateway.

    Attributes:
        send_s: For WhatsApp to acknowledge a reply, which takes milliseconds, as long as nothing
            is known of the connection. The library would wait for 75 s and block all others.
        poll_s: Interval of polling the library's login state.
        poll_limit_s: For the result of a poll.
        offline_s: For a connection, before another process tries. The library's own back-off
            grows without limit.
        repair_s: For an undecryptable message to be sent again.
    """

    send_s: float = 10.0
    poll_s: float = 15.0
    poll_limit_s: float = 10.0
    offline_s: float = 60.0
    repair_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Pacing:
    """The limits for one chat, and the gap between any two messages.

    Attributes:
        burst: Messages that may be sent at once.
        per_second: Refill rate of the burst.
        per_minute: Maximum in any minute.
        gap_s: Between two messages, whatever their chats. Encrypting while a message of the same
            person is decrypted can spoil the reply, until the person's phone asks for it again.
    """

    burst: int = 5
    per_second: float = 1.0
    per_minute: int = 20
    gap_s: float = 0.03


@dataclass(frozen=True, slots=True)
class Options:
    """The first frame to a gateway.

    Attributes:
        phone: Link by a code for the phone with this number, instead of a QR code.
        is_unlinking: Log the device out instead of serving it.
        media_folder: Where the files of messages go.
        max_file_bytes: The largest one.
        log_level: The level of its log, which is part of the daemon's.
    """

    folder: str
    device_name: str
    limits: Limits = Limits()
    pacing: Pacing | None = None
    is_pairing: bool = False
    phone: str | None = None
    is_unlinking: bool = False
    media_folder: str = ""
    max_file_bytes: int = 16_000_000
    log_level: str = "WARNING"


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping: is the other side alive?"""


@dataclass(frozen=True, slots=True)
class Pong:
    """Yes."""


class Rank(IntEnum):
    """The order of replies that wait: what answers a stop first, edits last."""

    URGENT = 0
    MESSAGE = 1
    EDIT = 2


@dataclass(frozen=True, slots=True)
class Send:
    """Send a text; the same ``key`` is never sent twice.

    ``file_name`` makes it a document of that name; ``attachment`` is then the path of a file of
    this ``media_type``, and the text its caption. ``follows`` is the key of the part before it:
    if that was refused, this one is not sent either. All parts have one ``rank``. ``mentions`` are
    put before the text.
    """

    key: str
    chat_id: str
    text: str
    answers: Message | None = None
    edits: str | None = None
    file_name: str | None = None
    follows: str | None = None
    rank: Rank = Rank.MESSAGE
    mentions: tuple[Person, ...] = ()
    attachment: str = ""
    media_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class SendAll:
    """Send the parts of one text; all of them are kept before the first one leaves."""

    parts: tuple[Send, ...]


@dataclass(frozen=True, slots=True)
class Retract:
    """Cancels a reply whose sending has not started."""

    key: str


@dataclass(frozen=True, slots=True)
class LastCall:
    """Butler is shutting down: shorten the timeout of acknowledgements."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A reply was sent, now or earlier."""

    key: str
    id: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """A reply was not sent, or the outcome is unknown; ``reason`` is a full sentence."""

    key: str
    reason: str
    may_have_arrived: bool = False


@dataclass(frozen=True, slots=True)
class Typing:
    """Show or hide the typing indicator in a chat."""

    chat_id: str
    is_typing: bool


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message to handle, from the journal's ``row``.

    ``is_edit`` means that the sender edited it after its delivery.
    """

    row: int
    message: Message
    is_edit: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """An ignored message and the rule that decided; without a row it needs no acknowledgement.

    ``withdraws`` is the row of a delivered message that it deletes. With ``is_lost`` it is an edit
    that cannot be read, so that its sender is asked for the message again.
    """

    row: int | None
    message: Message
    rule: str
    detail: str
    withdraws: int | None = None
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An undecryptable message that was not sent again; its text is empty.

    ``is_lost`` is False for messages that only the phone can show.
    """

    message: Message
    is_lost: bool


@dataclass(frozen=True, slots=True)
class Fetch:
    """Fetch the file of the message in the journal's ``row``."""

    row: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """The file of a message is at ``path``."""

    row: int
    path: str


@dataclass(frozen=True, slots=True)
class NotFetched:
    """The file of a message cannot be had; ``reason`` is a full sentence for its sender."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Acknowledges these messages: their turns have ended, some ``without_effect``."""

    rows: tuple[int, ...]
    without_effect: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Confirms that the journal will not deliver these rows again."""

    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection to WhatsApp opened or closed; ``detail`` says why."""

    is_up: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """What is worth knowing of a link besides its connection, as of now.

    Attributes:
        set_aside: The chats that could not be written to; each is tried again with a back-off.
        undecryptable: How many messages could not be decrypted since the gateway started.
        is_deaf: No message can be decrypted any longer, whoever sends it.
        clock_ahead_s: How far this machine's clock is ahead of WhatsApp's; None if unknown.
        acknowledged_in_s: How long WhatsApp usually takes to acknowledge a reply; None if unknown.
    """

    set_aside: tuple[str, ...] = ()
    undecryptable: int = 0
    is_deaf: bool = False
    clock_ahead_s: float | None = None
    acknowledged_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class ChatName:
    """The name of a chat, safe to show."""

    chat_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Qr:
    """The text of a QR code that replaces the last one."""

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
    """The gateway is about to exit.

    Attributes:
        rule: A short name, such as ``logged out``.
        sentence: The cause and the remedy, for a person.
        is_final: A restart would not help; only a person can.
        wait_s: Minimum time until a restart makes sense.
    """

    rule: str
    sentence: str
    is_final: bool = False
    wait_s: float = 0.0


ToGateway = Options | Ping | Send | SendAll | Retract | LastCall | Typing | Acknowledge | Fetch
ToDaemon = (
    Pong
    | Sent
    | NotSent
    | Incoming
    | Ignored
    | Unreadable
    | Acknowledged
    | Fetched
    | NotFetched
    | Connection
    | Health
    | ChatName
    | Qr
    | PairCode
    | Linked
    | Ended
)
Frame = ToGateway | ToDaemon
