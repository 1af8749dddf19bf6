"""An agent's questions for permission, and what people answer."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from string import ascii_lowercase

from butler import Person
from butler_run.agents import Change, Option, OptionKind, PermissionAsked

_ANSWER = re.compile(r"\s*(yes|no|[1-9])(?:\s+([a-z]))?\s*[.!]?\s*", re.IGNORECASE)
_THUMBS = {"👍": "yes", "👎": "no"}
_DETAIL_SHOWN = 600


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody answered: "yes", "no" or a number, and to which letter."""

    word: str
    letter: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question that waits for an answer.

    Attributes:
        letter: What tells it from other open questions of its chat.
        requester: Who started the run.
        answer: Where the option chosen is put.
    """

    letter: str
    chat_id: str
    number: int
    requester: Person
    is_own: bool
    asked: PermissionAsked
    answer: asyncio.Future[Option]

    @property
    def text(self) -> str:
        """The question for the chat."""
        options = ", ".join(f"{each.number} {each.label.lower()}" for each in self.asked.options)
        lines = [f"*{self.asked.tool}*? reply {options}", *_details(self.asked)]
        return "\n".join([*lines, f"(run {self.number}, question {self.letter})"])

    def option(self, word: str) -> Option | None:
        """Return the option that an answer means, if it means one."""
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
        options = self.asked.options
        return next((each for each in options if each.kind is OptionKind.REJECT), None)


class Questions:
    """The open questions of all chats."""

    def __init__(self) -> None:
        self._open: list[Question] = []
        self._messages: dict[Question, str] = {}

    def ask(
        self, chat_id: str, number: int, requester: Person, *, is_own: bool, asked: PermissionAsked
    ) -> Question:
        """Open a question; ``close`` ends it."""
        taken = {each.letter for each in self.of(chat_id)}
        letter = next((each for each in ascii_lowercase if each not in taken), "z")
        answer: asyncio.Future[Option] = asyncio.get_running_loop().create_future()
        question = Question(letter, chat_id, number, requester, is_own, asked, answer)
        self._open.append(question)
        return question

    def note_message(self, question: Question, message_id: str) -> None:
        """Remember the message that asks, so that replies and reactions to it are answers."""
        self._messages[question] = message_id

    def close(self, question: Question) -> None:
        """Forget a question."""
        self._open.remove(question)
        self._messages.pop(question, None)

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

    def lettered(self, chat_id: str, letter: str) -> Question | None:
        """Return the open question of a chat with this letter."""
        return next((each for each in self.of(chat_id) if each.letter == letter), None)


def said(text: str, *, is_reaction: bool) -> Said | None:
    """Return what ``text`` answers, or None if it is no answer."""
    if is_reaction:
        word = _THUMBS.get(text.rstrip("\ufe0f🏻🏼🏽🏾🏿"))
        return Said(word, None) if word else None
    match = _ANSWER.fullmatch(text)
    return Said(match[1].lower(), match[2] and match[2].lower()) if match else None


def _details(asked: PermissionAsked) -> list[str]:
    if asked.command is not None:
        return [_fenced(asked.command)]
    if asked.changes:
        return [_fenced("\n".join(_diff_lines(asked.changes)))]
    return [_fenced(asked.detail)] if asked.detail else []


def _diff_lines(changes: Iterable[Change]) -> Iterable[str]:
    for change in changes:
        yield change.path
        yield from (f"- {line}" for line in (change.old or "").splitlines())
        yield from (f"+ {line}" for line in change.new.splitlines())


def _fenced(text: str) -> str:
    shown = text.replace("```", "'''")
    if len(shown) > _DETAIL_SHOWN:
        shown = f"{shown[:_DETAIL_SHOWN]}…"
    return f"```\n{shown}\n```"
