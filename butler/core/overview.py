"""What plugins show of their work outside of chats: what is in progress, and what was."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a list; times in Unix seconds.

    Attributes:
        number: Tells it from all others.
        chat_id: The chat that asked for it.
        repo: Where it works.
        agent: The program that works.
        person: Who asked for it.
        state: Its state, in words.
        prompt: What was asked; empty if that is no longer kept.
        queued_at: When it was asked for.
        started_at: When its turn came.
        ended_at: When it ended.
        cost_usd: What it cost, in US dollars.
        is_over: Whether it has ended.
        is_undone: Whether its files were put back.
    """

    number: int
    chat_id: str
    repo: str
    agent: str
    person: str
    state: str
    prompt: str
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None
    cost_usd: float | None = None
    is_over: bool = False
    is_undone: bool = False


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run in full.

    Attributes:
        summary: Its line in the list.
        answer: What the chat was told at its end, in WhatsApp's mark-up.
        patch: What it changed, as git writes it.
        tokens: How many it used, if that is known.
        problem: Why there is no patch.
    """

    summary: RunSummary
    answer: str = ""
    patch: str = ""
    tokens: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A queued or active run; ``doing`` is its present activity, ``todos`` the agent's list."""

    summary: RunSummary
    doing: str = ""
    todos: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """A way to answer a question: what to write in the chat for it, and what it means."""

    word: str
    text: str
    is_rejection: bool = False


@dataclass(frozen=True, slots=True)
class OpenInquiry:
    """A question that waits for a person.

    Attributes:
        code: Tells it from all others.
        chat_id: Where it is asked.
        number: The run that asks.
        repo: Where that works.
        wish: What is asked, in a few words.
        details: All that is to be read before an answer.
        ways: The ways to answer it.
        hint: What to write where an answer is text; empty where only ``ways`` are answers.
        asked_at: When it reached the chat, in Unix seconds.
    """

    code: str
    chat_id: str
    number: int
    repo: str
    wish: str
    details: str
    ways: Sequence[Way] = ()
    hint: str = ""
    asked_at: float | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """What is in progress, oldest first."""

    runs: Sequence[LiveRun] = ()
    inquiries: Sequence[OpenInquiry] = ()


NOTHING = Overview()


class Observable:
    """What a plugin shows outside of chats; by default nothing."""

    def overview(self) -> Overview:
        """Return what is in progress; must not block."""
        return NOTHING

    def past_runs(self, limit: int, before: int | None = None) -> Sequence[RunSummary]:
        """Return runs, newest first; blocks, and may be called before the plugin is entered.

        Args:
            limit: Maximum number.
            before: Only runs with a lower number.
        """
        return ()

    async def run_report(self, number: int) -> RunReport | None:
        """Return a run in full, if there is one; it, too, may be called before."""
        return None
