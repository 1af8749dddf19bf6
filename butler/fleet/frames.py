"""The typed frames between a hub and its workers."""

import msgspec

from butler.access.rules import Role
from butler.chat.message import Message, Person


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A frame; it travels as a JSON array of its name and its fields."""


class Blob(Frame, frozen=True):
    """A file or a long text, kept in Redis under a key; ``digest`` is its SHA-256."""

    key: str
    digest: str


class Turn(Frame, frozen=True):
    """Handle a message; sent again and again until the worker says ``Begun`` or ``Over``.

    Attributes:
        id: Tells the turn from all others, also if the message comes again.
        message: With the id of the chat at its hub.
        role: The role of the sender.
        command: The name of the command; None for plain text.
        argument: The text after the name.
        may: The names of the commands that the sender may use.
        left_s: The time until it is too late to begin.
        repo: The active repo of the chat on that machine, by its name there.
        is_joined: The reply goes back in ``Over``, as those of several machines are joined.
        files: Those of the message's attachments, in their order, once they are fetched.
    """

    id: str
    message: Message
    role: Role
    command: str | None
    argument: str
    may: tuple[str, ...]
    left_s: float
    repo: str | None = None
    is_joined: bool = False
    files: tuple[Blob, ...] = ()


class Withdrawn(Frame, frozen=True):
    """The sender deleted the message of a turn, or edited it."""

    turn: str


class Greeting(Frame, frozen=True):
    """The hub is there; sent until the card of the worker says that it knows."""


class Confirmed(Frame, frozen=True):
    """An event was acted upon; the worker need not repeat it."""

    chat_id: str
    number: int


class Delivered(Frame, frozen=True):
    """A reply was sent under this id, or was not, for this reason."""

    chat_id: str
    number: int
    id: str | None
    reason: str = ""


class Judged(Frame, frozen=True):
    """The role that a sender has now, and the names of the commands they may use."""

    chat_id: str
    number: int
    role: Role
    may: tuple[str, ...]


class Typing(Frame, frozen=True):
    """Show or hide the typing indicator; not repeated."""

    chat_id: str
    is_typing: bool


class Begun(Frame, frozen=True):
    """The turn has begun; it is never begun again."""

    turn: str


class Over(Frame, frozen=True):
    """The turn is over.

    Attributes:
        turn: Its id.
        result: As in the records; empty if no command was called.
        repo: The repo that it used.
        detail: As in the records.
        is_counted: It was plain text that was answered, which counts against the rate limit.
        is_unheard: It was plain text that nothing answered.
        had_effect: As in ``Transport.acknowledge``.
        is_cut: The worker was killed during it.
        is_told: Nobody else notifies the chat of that.
        reply: The reply, if it is to be joined with others.
    """

    turn: str
    result: str = ""
    repo: str = ""
    detail: str = ""
    is_counted: bool = False
    is_unheard: bool = False
    had_effect: bool = True
    is_cut: bool = False
    is_told: bool = True
    reply: str | None = None


class Send(Frame, frozen=True):
    """Send a reply to the chat."""

    text: str
    answers: Message | None = None
    edits: str | None = None
    file_name: str | None = None
    is_urgent: bool = False
    blob: Blob | None = None
    mentions: tuple[Person, ...] = ()
    waits: bool = False
    attachment: Blob | None = None


class Used(Frame, frozen=True):
    """The chat works on this repo of the worker from now on."""

    repo: str
    path: str


class JobBegan(Frame, frozen=True):
    """A run was queued."""

    job: int


class JobEnded(Frame, frozen=True):
    """A run has ended."""

    job: int


class Asked(Frame, frozen=True):
    """An agent asks a question."""

    job: int
    code: str
    rejections: tuple[str, ...]
    text_of: Person | None = None


class Closed(Frame, frozen=True):
    """A question is no longer open."""

    job: int
    code: str


class Audited(Frame, frozen=True):
    """A later outcome of a message, for the records."""

    message: Message
    command: str
    repo: str
    result: str
    detail: str


class RoleAsked(Frame, frozen=True):
    """Which role has the sender of this message now?"""

    message: Message


Happening = Begun | Over | Send | Used | JobBegan | JobEnded | Asked | Closed | Audited | RoleAsked


class Event(Frame, frozen=True):
    """Something that happened in a chat, repeated until it is confirmed.

    Attributes:
        chat_id: The chat.
        number: The place in the sequence of the chat's events.
        lowest: The lowest number that is not confirmed yet.
        what: What happened.
    """

    chat_id: str
    number: int
    lowest: int
    what: Happening


ToWorker = Turn | Withdrawn | Greeting | Confirmed | Delivered | Judged
ToHub = Typing | Event


class SharedRepo(msgspec.Struct, frozen=True, array_like=True):
    """A repo of a worker; with an audience, only those may know of it."""

    name: str
    description: str = ""
    people: tuple[str, ...] | None = None
    chats: tuple[str, ...] | None = None


class Card(Frame, frozen=True):
    """What a worker says about itself with each heartbeat.

    Attributes:
        worker: Its name.
        version: Of Butler.
        since: When its process started, in Unix seconds.
        time: When this was written, by the clock of the worker.
        slots: Maximum number of turns at a time.
        busy: Turns and runs in progress.
        repos: Its repos.
        commands: The names of its commands.
        jobs: Its runs in progress: the chat, behind its hub, and the number.
        known: The hubs that the worker knows, with their lives.
        foreign_commands: The names of commands that its plugins take though it has none such.
    """

    worker: str
    version: str
    since: float
    time: float
    slots: int
    busy: int
    repos: tuple[SharedRepo, ...]
    commands: tuple[str, ...]
    jobs: tuple[tuple[str, int], ...] = ()
    known: tuple[tuple[str, int], ...] = ()
    foreign_commands: tuple[str, ...] = ()


def chars_of(frame: object) -> int:
    """Return about how many characters of text are in a frame."""
    if isinstance(frame, Turn):
        return len(frame.message.text) + len(frame.argument)
    if isinstance(frame, Event) and isinstance(frame.what, Send):
        return len(frame.what.text)
    return 0


def key_of(frame: object) -> object | None:
    """Return what tells a frame that is repeated from all others; None for one that is not."""
    match frame:
        case Event() | Confirmed() | Delivered() | Judged():
            return frame.chat_id, frame.number
        case Turn():
            return frame.id
        case Withdrawn():
            return Withdrawn, frame.turn
        case Greeting():
            return Greeting
        case _:
            return None
