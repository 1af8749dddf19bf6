"""What is recorded of a run."""

from dataclasses import dataclass
from enum import StrEnum

from butler import Message


class State(StrEnum):
    """The state of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting for permission"
    ASKING = "waiting for an answer"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    LIMITED = "ended by a usage limit"
    PARKED = "parked"
    CUT_OFF = "cut off"


AT_WORK = (State.RUNNING, State.WAITING, State.ASKING)
"""The states of a run that has begun and not ended."""


@dataclass(frozen=True, slots=True)
class Past:
    """A recorded run; times in Unix seconds, commits are those of its snapshots."""

    number: int
    chat_id: str
    repo: str
    folder: str
    agent: str
    person: str
    state: State
    queued_at: float
    started_at: float | None
    ended_at: float | None
    cost_usd: float | None
    before: str | None
    after: str | None

    @property
    def is_over(self) -> bool:
        """Whether the run has ended."""
        return self.state not in {State.QUEUED, *AT_WORK}


@dataclass(frozen=True, slots=True)
class Request:
    """The request for a run: enough to start or repeat it."""

    number: int
    message: Message
    repo: str
    agent: str
    prompt: str
