"""Permission questions of agents, and their answers."""

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass
from math import inf
from string import ascii_lowercase
from typing import Protocol

from butler import Person, Repo, fenced
from butler_run.agents import Option, OptionKind, PermissionAsked
from butler_run.permissions.details import wish
from butler_run.permissions.standing import Scope, StandingGrants
from butler_run.settings import Approvers

HASTE_S = 2.0
"""Minimum time from a question to an answer; an earlier one was meant for another question."""

ALLOW, ALWAYS, REJECT = 1, 2, 3
_NUMBERS = {"yes": ALLOW, "no": REJECT}
_DETAIL_SHOWN = 600
_CLOSED_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Way:
    """A way to answer a question.

    Attributes:
        number: What to write for it.
        text: What the question calls it, with the number.
        option: The id of the agent's option; None rejects if the agent offers no option for that.
        is_always: It also holds for what is asked later, see ``Scope``.
    """

    number: int
    text: str
    option: Option | None
    is_always: bool = False

    @property
    def is_rejection(self) -> bool:
        """Whether the tool is not used."""
        return self.option is None or self.option.kind is OptionKind.REJECT


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """An open question.

    Attributes:
        code: Distinguishes it from all other questions, including later ones.
        chat_id: The chat in which it is asked.
        number: The number of the run.
        repo: The repo in which the run works.
        requester: The person who started the run.
        approvers: Who may answer it, in addition to owners.
        agent: The name of the agent in the chat.
        asked: The agent's request.
        details: The complete description of the tool's action, as shown in the chat.
        scope: What "always" would allow; None if it is not offered.
        answer: Receives the chosen way.
    """

    code: str
    chat_id: str
    number: int
    repo: Repo
    requester: Person
    approvers: Approvers
    agent: str
    asked: PermissionAsked
    details: str
    scope: Scope | None
    answer: asyncio.Future[Way]

    @property
    def ways(self) -> list[Way]:
        """The ways to answer it; those that the agent holds for always are not among them."""
        allowing = [each for each in self.asked.options if each.kind is OptionKind.ALLOW_ONCE]
        rejecting = [each for each in self.asked.options if each.kind is OptionKind.REJECT]
        ways = [Way(ALLOW, f"{ALLOW} or 👍 yes", allowing[0])]
        if self.scope is not None:
            ways.append(Way(ALWAYS, f"{ALWAYS} always: {self.scope.text}", allowing[0], True))
        ways.append(Way(REJECT, f"{REJECT} or 👎 no", next(iter(rejecting), None)))
        others = enumerate([*allowing[1:], *rejecting[1:]], start=REJECT + 1)
        return [*ways, *(Way(number, f"{number} {each.label}", each) for number, each in others)]

    @property
    def rejection(self) -> Way:
        """The way that rejects."""
        return next(way for way in self.ways if way.number == REJECT)

    @property
    def rejections(self) -> list[str]:
        """The words that reject."""
        return ["no", *(str(way.number) for way in self.ways if way.is_rejection)]

    def text(self, *, is_only_one: bool) -> str:
        """Return the question for the chat, with its code where another one is open."""
        notes = [] if is_only_one else [f"question {self.code}, as in: yes {self.code}"]
        if self.is_cut:
            notes.append("the document has the full text")
        return "\n".join(
            [
                *([self._shown_details()] if self.details else []),
                f"{self.wish}. {' · '.join(way.text for way in self.ways)}",
                *([f"({'; '.join(notes)})"] if notes else []),
            ]
        )

    @property
    def wish(self) -> str:
        """What the agent wants, in a few words."""
        return f"{self.agent} wants to {wish(self.asked)}"

    def _shown_details(self) -> str:
        return fenced(self.details[:_DETAIL_SHOWN] + "…" * self.is_cut)

    @property
    def is_cut(self) -> bool:
        """Whether the text omits some of the details."""
        return len(self.details) > _DETAIL_SHOWN

    def way(self, word: str) -> Way | None:
        """Return the way that "yes", "no" or a number means, if it is one."""
        number = _NUMBERS.get(word) or int(word)
        return next((way for way in self.ways if way.number == number), None)


class Open(Protocol):
    """What waits for an answer: a question for permission, or another one of an agent."""

    @property
    def code(self) -> str:
        """Distinguishes it from all others."""
        ...

    @property
    def chat_id(self) -> str:
        """The chat in which it is asked."""
        ...

    @property
    def number(self) -> int:
        """The number of the run."""
        ...

    @property
    def requester(self) -> Person:
        """The person who started the run."""
        ...

    @property
    def approvers(self) -> Approvers:
        """Who may answer it, in addition to owners."""
        ...


class Questions:
    """The open questions of all chats, and the one place that gives out their codes.

    Attributes:
        standing: What owners answered for always.
    """

    def __init__(self, standing: StandingGrants) -> None:
        self.standing = standing
        self._open: list[Open] = []
        self._asked: dict[Open, tuple[str, float]] = {}
        self._closed: deque[tuple[str, str]] = deque(maxlen=_CLOSED_KEPT)
        self._count_of_run: Counter[int] = Counter()
        self._ahead_s = inf
        self._closed_at: dict[str, float] = {}

    def next_code(self, number: int) -> str:
        """Return a code for a question of a run, never given out before: runs have one number."""
        count = self._count_of_run[number]
        self._count_of_run[number] += 1
        first, second = divmod(count, len(ascii_lowercase))
        return f"{ascii_lowercase[first - 1] if first else ''}{ascii_lowercase[second]}{number}"

    def open(self, question: Open) -> None:
        """Register a question; ``close`` ends it."""
        self._open.append(question)

    def note_message(self, question: Open, message_id: str) -> None:
        """Register the question's message, so that replies and reactions to it are answers."""
        self._asked[question] = (message_id, time.time())

    def close(self, question: Open) -> None:
        """Close a question."""
        self._open.remove(question)
        if asked := self._asked.pop(question, None):
            self._closed.append((question.chat_id, asked[0]))
        self._closed_at[question.chat_id] = time.time()

    def of(self, chat_id: str) -> list[Question]:
        """Return the open questions for permission of a chat."""
        return [each for each in self._of(chat_id) if isinstance(each, Question)]

    def others_of(self, chat_id: str) -> list[Open]:
        """Return the other open questions of a chat."""
        return [each for each in self._of(chat_id) if not isinstance(each, Question)]

    def all_asked(self) -> list[tuple[Open, float]]:
        """Return the open questions that reached their chats, and when, oldest first."""
        return [(each, self._asked[each][1]) for each in self._open if each in self._asked]

    def is_any_in(self, chat_id: str) -> bool:
        """Return whether anything is open in a chat."""
        return bool(self._of(chat_id))

    def is_only_one(self, question: Open) -> bool:
        """Return whether nothing else is open in the chat of a question."""
        return self._of(question.chat_id) == [question]

    def _of(self, chat_id: str) -> list[Open]:
        return [each for each in self._open if each.chat_id == chat_id]

    def is_any_of(self, number: int) -> bool:
        """Return whether a question of this run is open."""
        return any(each.number == number for each in self._open)

    def quoted(self, chat_id: str, message_id: str | None) -> Question | None:
        """Return the open question that a message asks."""
        for question in self.of(chat_id):
            if message_id is not None and self._message_of(question) == message_id:
                return question
        return None

    def quoted_other(self, chat_id: str, message_id: str | None) -> Open | None:
        """Return the other open question that a message asks."""
        for question in self.others_of(chat_id):
            if message_id is not None and self._message_of(question) == message_id:
                return question
        return None

    def is_closed(self, chat_id: str, message_id: str | None) -> bool:
        """Return whether a message asks a question that is no longer open."""
        return (chat_id, message_id) in self._closed

    def is_too_soon(self, question: Open, sent_at: float, *, is_named: bool) -> bool:
        """Return whether who wrote then (Unix seconds) cannot have read the question.

        Without the question's code, or a quote of it, the answer may have been meant for another
        one that was open until then.
        """
        _message_id, asked_at = self._asked.get(question, ("", inf))
        if not is_named:
            asked_at = max(asked_at, self._closed_at.get(question.chat_id, 0.0))
        ahead_s = self._ahead_s if self._ahead_s < inf else 0.0
        return sent_at + ahead_s - asked_at < HASTE_S

    def note_time(self, sent_at: float) -> None:
        """Learn from a message that came just now how far this clock is ahead of the network's.

        Some come late; the one that took the least time tells.
        """
        self._ahead_s = min(self._ahead_s, time.time() - sent_at)

    def are_rejected_by(self, chat_id: str, word: str) -> bool:
        """Return whether questions are open in a chat, and ``word`` would reject each."""
        ways = [question.way(word) for question in self.of(chat_id)]
        return bool(ways) and all(way is not None and way.is_rejection for way in ways)

    def _message_of(self, question: Open) -> str | None:
        asked = self._asked.get(question)
        return asked and asked[0]


def rejection(asked: PermissionAsked) -> Option | None:
    """Return the option that rejects, if there is one."""
    return next((each for each in asked.options if each.kind is OptionKind.REJECT), None)


def allowance(asked: PermissionAsked) -> Option | None:
    """Return the option that allows what is asked, and nothing else, if there is one."""
    return next((each for each in asked.options if each.kind is OptionKind.ALLOW_ONCE), None)
