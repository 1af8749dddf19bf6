"""Permission questions of agents, and their answers."""

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from string import ascii_lowercase

from butler import Person, fenced
from butler_run.agents import Option, OptionKind, PermissionAsked
from butler_run.permissions.details import details

_LONGEST_ANSWER = 40
_ANSWER = re.compile(r"\s*(yes|no|[1-9])(?:\s+([a-z]))?\s*[.!]?\s*", re.IGNORECASE)
_THUMBS = {"👍": "yes", "👎": "no"}
_DETAIL_SHOWN = 600
_CLOSED_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: "yes", "no" or a number, and the letter of the question."""

    word: str
    letter: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """An open question.

    Attributes:
        letter: Distinguishes it from other open questions of its chat.
        requester: The person who started the run.
        details: The complete description of the tool's action.
        answer: Receives the chosen option; None rejects where the agent offers no such option.
    """

    letter: str
    chat_id: str
    number: int
    requester: Person
    asked: PermissionAsked
    details: str
    answer: asyncio.Future[Option | None]

    @property
    def text(self) -> str:
        """The question for the chat."""
        ways = [f"{each.number} {each.label.lower()}" for each in self.asked.options]
        if self.rejection is None:
            ways.append("no")
        name = f"run {self.number}, question {self.letter}"
        return "\n".join(
            [
                f"*{self.asked.tool}*? reply {', '.join(ways)}",
                *([self._shown_details()] if self.details else []),
                f"({name}; the document has the full text)" if self.is_cut else f"({name})",
            ]
        )

    def _shown_details(self) -> str:
        return fenced(self.details[:_DETAIL_SHOWN] + "…" * self.is_cut)

    @property
    def is_cut(self) -> bool:
        """Whether the text omits some of the details."""
        return len(self.details) > _DETAIL_SHOWN

    def settle(self, word: str) -> bool:
        """Accept "yes", "no" or a number as the answer; return whether it is valid."""
        option = self._option(word)
        if option is None and word != "no":
            return False
        if not self.answer.done():
            self.answer.set_result(option)
        return True

    def _option(self, word: str) -> Option | None:
        options = self.asked.options
        if word.isdecimal():
            return next((each for each in options if each.number == int(word)), None)
        if word == "no":
            return self.rejection
        kinds = (OptionKind.ALLOW_ONCE, OptionKind.ALLOW_ALWAYS)
        return next((each for kind in kinds for each in options if each.kind is kind), None)

    @property
    def rejection(self) -> Option | None:
        """The option that rejects, if there is one."""
        return rejection(self.asked)


class Questions:
    """The open questions of all chats."""

    def __init__(self) -> None:
        self._open: list[Question] = []
        self._messages: dict[Question, str] = {}
        self._closed: deque[tuple[str, str]] = deque(maxlen=_CLOSED_KEPT)

    def ask(self, chat_id: str, number: int, requester: Person, asked: PermissionAsked) -> Question:
        """Open a question; ``close`` ends it. There must be room, see ``is_full``."""
        taken = {each.letter for each in self.of(chat_id)}
        letter = next(each for each in ascii_lowercase if each not in taken)
        answer: asyncio.Future[Option | None] = asyncio.get_running_loop().create_future()
        question = Question(letter, chat_id, number, requester, asked, details(asked), answer)
        self._open.append(question)
        return question

    def is_full(self, chat_id: str) -> bool:
        """Return whether a chat has no letter left for another question."""
        return len(self.of(chat_id)) >= len(ascii_lowercase)

    def note_message(self, question: Question, message_id: str) -> None:
        """Register the question's message, so that replies and reactions to it are answers."""
        self._messages[question] = message_id

    def close(self, question: Question) -> None:
        """Close a question."""
        self._open.remove(question)
        if message_id := self._messages.pop(question, None):
            self._closed.append((question.chat_id, message_id))

    def of(self, chat_id: str) -> list[Question]:
        """Return the open questions of a chat."""
        return [each for each in self._open if each.chat_id == chat_id]

    def is_any_of(self, number: int) -> bool:
        """Return whether a question of this run is open."""
        return any(each.number == number for each in self._open)

    def quoted(self, chat_id: str, message_id: str | None) -> Question | None:
        """Return the open question that a message asks."""
        for question in self.of(chat_id):
            if message_id is not None and self._messages.get(question) == message_id:
                return question
        return None

    def is_closed(self, chat_id: str, message_id: str | None) -> bool:
        """Return whether a message asks a question that is no longer open."""
        return (chat_id, message_id) in self._closed


def rejection(asked: PermissionAsked) -> Option | None:
    """Return the option that rejects, if there is one."""
    return next((each for each in asked.options if each.kind is OptionKind.REJECT), None)


def said(text: str, *, is_reaction: bool) -> Said | None:
    """Parse ``text`` as an answer; return None if it is not one."""
    if word := _THUMBS.get(text.strip().rstrip("\ufe0f🏻🏼🏽🏾🏿")):
        return Said(word, None)
    answer = text.strip()
    is_short = len(answer) <= _LONGEST_ANSWER
    match = _ANSWER.fullmatch(answer) if is_short and not is_reaction else None
    return Said(match[1].lower(), match[2] and match[2].lower()) if match else None
