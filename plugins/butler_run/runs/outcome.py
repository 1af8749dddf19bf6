"""What comes of a run, from the agent's events to the answer for the chat."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from butler import listed
from butler_run.agents import (
    WARN_AT,
    Attached,
    Event,
    Finished,
    Pictured,
    Reason,
    Started,
    Tasks,
    Text,
    Tool,
    Usage,
    UsageLimit,
)
from butler_run.agents.complaints import limit_warning, with_clock_times
from butler_run.history.past import State
from butler_run.runs.output import Output

MOST_ATTACHED = 5
"""How many files of an answer are sent."""

_MOST_NAMED = 3
_MOST_TOKENS = 10**15
_STATES = {
    Reason.DONE: State.DONE,
    Reason.CANCELLED: State.STOPPED,
    Reason.REFUSED: State.FAILED,
    Reason.CUT_SHORT: State.FAILED,
    Reason.FAILED: State.FAILED,
    Reason.LIMITED: State.LIMITED,
    Reason.TOO_LONG: State.FAILED,
}
_ERRORS = (Reason.FAILED, Reason.LIMITED, Reason.TOO_LONG)
_TOO_LONG = "This conversation has become too long for the model."


class Said(NamedTuple):
    """The answer for the chat, and whether it is complete."""

    text: str
    is_all: bool


@dataclass(slots=True)
class Outcome:
    """The intermediate results of a run.

    Attributes:
        answer: What the agent said.
        finished: Its end, once it has come.
        usage: What it used.
        conversation_id: The conversation that it worked in.
        problem: What went wrong on this side.
        attached: The files of the answer.
        pictures: The pictures of the answer.
        limit: The latest report on a usage limit.
        background: The commands that it has left running.
    """

    answer: Output
    finished: Finished | None = None
    usage: Usage | None = None
    conversation_id: str | None = None
    problem: str = ""
    attached: list[Attached] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)
    limit: UsageLimit | None = None
    background: tuple[str, ...] = ()

    def note(self, event: Event) -> None:
        """Note an event."""
        match event:
            case Started():
                self.conversation_id = event.conversation_id
            case Text():
                self.answer.add(event.text)
            case Attached() if len(self.attached) < MOST_ATTACHED:
                self.attached.append(event)
            case Pictured() if len(self.pictures) < MOST_ATTACHED:
                self.pictures.append(event.data)
            case Tool(is_finished=False):
                self.answer.end_section()
            case Tasks():
                self.background = event.background
            case UsageLimit():
                self.limit = event
            case Usage():
                self.usage = _possible(event)
            case Finished():
                self.finished = event
            case _:
                pass

    @property
    def reason(self) -> Reason | None:
        """The reason for the end; None without one."""
        return self.finished.reason if self.finished else None

    def state(self, *, is_stopped: bool) -> State:
        """Return the state in which the run ends."""
        if is_stopped:
            return State.STOPPED
        if self.problem or self.finished is None:
            return State.FAILED
        return _STATES[self.finished.reason]

    def drop_error(self) -> None:
        """Drop the error that ended the run from what the agent said, so that it is said once."""
        if self.problem or self.reason in _ERRORS:
            self.answer.drop_error()

    def trouble(self, number: int, *, is_stopped: bool, has_compact: bool, after_limit: str) -> str:
        """Return what the chat must know of the end, with the way out; empty if all is well.

        Args:
            number: That of the run.
            is_stopped: Somebody stopped it.
            has_compact: The agent can shorten its conversation.
            after_limit: What comes after a usage limit.
        """
        said = with_clock_times(self.problem or (self.finished.detail if self.finished else ""))
        if self.reason is Reason.TOO_LONG:
            shorter = "/compact shortens it, " if has_compact else ""
            return f"{_TOO_LONG} {shorter}/new starts another."
        if said and self.state(is_stopped=is_stopped) is State.FAILED:
            # A line that ends with a command to copy does not go on.
            gap = " " if said.endswith((".", "!", "?")) else "\n"
            return f"{said}{gap}/retry {number} runs it again."
        return f"{said} {after_limit}".strip() if said else ""

    def notes(self) -> list[str]:
        """Return the sentences below the answer."""
        notes = []
        if self.background:
            named = listed(self.background, _MOST_NAMED)
            notes.append(f"Ended with the run: {named}.")
        if self.limit is not None and _is_near(self.limit):
            notes.append(limit_warning(self.limit))
        return notes


def _possible(usage: Usage) -> Usage:
    """Return what an agent reports with numbers that can be: nothing costs less than nothing."""
    tokens = max(0, min(_MOST_TOKENS, usage.tokens))
    cost = usage.cost_usd
    return replace(usage, tokens=tokens, cost_usd=None if cost is None else max(0.0, cost))


def _is_near(limit: UsageLimit) -> bool:
    return not limit.is_reached and limit.share is not None and limit.share >= WARN_AT
