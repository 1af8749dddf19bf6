"""The events of a run, and the values in them."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """The permission modes, in ascending order of what an agent may do without asking."""

    PLAN = "plan"
    ASK = "ask"
    EDITS = "edits"
    BYPASS = "bypass"

    def within(self, ceiling: "Mode") -> "Mode":
        """Return the mode, limited by ``ceiling``."""
        return min(self, ceiling, key=list(Mode).index)


class OptionKind(StrEnum):
    """The meaning of an option."""

    ALLOW_ONCE = "allow_once"
    ALLOW_ALWAYS = "allow_always"
    REJECT = "reject"


class Reason(StrEnum):
    """The reason for the end of a run."""

    DONE = "done"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    CUT_SHORT = "cut_short"
    FAILED = "failed"
    LIMITED = "limited"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Option:
    """An answer to a question; ``number`` counts from 1 in the order shown."""

    number: int
    id: str
    label: str
    kind: OptionKind


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a file; ``old`` is None if the file is new or its content is unknown."""

    path: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True)
class Started:
    """The agent accepted the prompt; the id is None if the agent has no conversations."""

    conversation_id: str | None


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """A slash command of an agent; ``name`` is without the slash, as in ``compact``."""

    name: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class CommandsAnnounced:
    """The slash commands that the agent takes as prompts in this folder; replaces earlier ones."""

    commands: tuple[AgentCommand, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer; pieces are joined without a separator."""

    text: str


@dataclass(frozen=True, slots=True)
class Attached:
    """A text file in the answer; ``name`` is safe to save it under."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Pictured:
    """A picture in the answer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Tool:
    """The start of a tool call, or with ``is_finished`` its end, with the same id."""

    id: str
    title: str
    is_finished: bool = False
    is_failed: bool = False


@dataclass(frozen=True, slots=True)
class PermissionAsked:
    """A question of the agent, which waits for ``answer`` with ``id`` and the id of an option.

    Attributes:
        tool: The agent's title of the tool call, such as ``Write made.txt``.
        command: The command line that it would run, if any.
        changes: The changes that it would make to files.
        detail: The rest of the description, at most 2,000 characters.
    """

    id: str
    tool: str
    command: str | None
    changes: tuple[Change, ...]
    detail: str
    options: tuple[Option, ...]


class FieldKind(StrEnum):
    """The kind of answer that a field takes."""

    CHOICE = "choice"
    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    YES_NO = "yes_no"


Value = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """One of the choices of a field; ``value`` is what the agent gets for it."""

    value: str
    text: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One question of an agent, about one value.

    Attributes:
        key: Under which the answer is given.
        question: The question in the agent's words.
        kind: The kind of the answer.
        labels: The choices, for ``FieldKind.CHOICE``.
        is_many: Several choices are possible; the answer is then a tuple.
        takes_text: The answer may be a text instead of one of the choices.
        is_required: It cannot be left out.
    """

    key: str
    question: str
    kind: FieldKind
    labels: tuple[Label, ...] = ()
    is_many: bool = False
    takes_text: bool = False
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class InputAsked:
    """Questions that the agent itself asks; it waits for ``fill`` with ``id``."""

    id: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class PlanProposed:
    """A plan that the agent wants to carry out; it waits for ``decide`` with ``id``."""

    id: str
    plan: str


class Decision(StrEnum):
    """The answer to a plan."""

    GO = "go"
    GO_EDITING = "go_editing"
    NO = "no"


class TodoState(StrEnum):
    """The state of an item of an agent's to-do list."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Todo:
    """An item of an agent's to-do list."""

    text: str
    state: TodoState


@dataclass(frozen=True, slots=True)
class Todos:
    """The to-do list of the agent; replaces the one before."""

    items: tuple[Todo, ...]


@dataclass(frozen=True, slots=True)
class Tasks:
    """What works beside the agent; replaces what was reported before.

    Attributes:
        sub_agents: How many other agents it has started.
        background: The commands that it has left running.
    """

    sub_agents: int
    background: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UsageLimit:
    """The state of a usage limit of the user's account.

    Attributes:
        name: As in "the 5-hour limit"; empty if unknown.
        share: How much of it is used, from 0 to 1; None if unknown.
        resets_at: Unix seconds; None if unknown.
        is_reached: Nothing more is possible until then.
    """

    name: str
    share: float | None
    resets_at: float | None
    is_reached: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of the run so far; replaces earlier ones.

    Attributes:
        tokens: All tokens of the run.
        cost_usd: What it cost, if the agent says so.
        context_tokens: The size of the conversation, if the agent says so.
        context_size: The most that fits into it.
    """

    tokens: int
    cost_usd: float | None
    context_tokens: int | None = None
    context_size: int | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the chat from Butler rather than the agent."""

    text: str


@dataclass(frozen=True, slots=True)
class Delayed:
    """What the agent waits for, such as an overloaded model; over with its next output."""

    reason: str


@dataclass(frozen=True, slots=True)
class Working:
    """A sign of life without visible output, such as a thought."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event.

    Attributes:
        reason: Why the run ended.
        detail: A sentence that explains it, or empty.
        limit: The limit that was reached, for ``Reason.LIMITED``.
    """

    reason: Reason
    detail: str = ""
    limit: UsageLimit | None = None


Asked = PermissionAsked | InputAsked | PlanProposed


Event = (
    Started
    | CommandsAnnounced
    | Text
    | Attached
    | Pictured
    | Tool
    | PermissionAsked
    | InputAsked
    | PlanProposed
    | Todos
    | Tasks
    | UsageLimit
    | Usage
    | Notice
    | Delayed
    | Working
    | Finished
)
