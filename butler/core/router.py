"""The router: finds the command that a text calls; a pure function."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from butler.access.rules import Role
from butler.chat.text import INVISIBLE, tidied
from butler.core.commands import Command
from butler.errors import PluginError

MAX_WORD_LENGTH = 32
MAX_FOREIGN_WORD_LENGTH = 64

_PREFIX_LOOK_ALIKES = {"/": "/\N{FULLWIDTH SOLIDUS}"}
_PUNCTUATION = ".,;:!?…"


class Call(NamedTuple):
    """A call of a command; ``argument`` is the text after its name."""

    command: Command
    argument: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A call of an unknown command; ``nearest`` is the most similar known name."""

    word: str
    nearest: str | None


class ForeignCall(NamedTuple):
    """A call of a command that is not Butler's own.

    Attributes:
        word: The name, in the case in which it was written.
        argument: The text after it.
        is_escaped: Its prefix is doubled, as in ``//help``, so it is no call of Butler's either.
    """

    word: str
    argument: str
    is_escaped: bool


Decision = Call | Unknown | None


def _head(prefix: str) -> re.Pattern[str]:
    """Return what the beginning of a call looks like, as phones write it.

    Every repetition is possessive: a text of a megabyte is passed over once.
    """
    unseen = f"[{INVISIBLE}]"
    marks = _PREFIX_LOOK_ALIKES.get(prefix)
    return re.compile(
        rf"[\s{INVISIBLE}]*+{f'[{marks}]' if marks else re.escape(prefix)}"
        rf"{unseen}*+(?P<gap>\s{{0,3}}+){unseen}*+"
        rf"(?P<word>[A-Za-z][\w{INVISIBLE}-]{{0,{2 * MAX_WORD_LENGTH}}}+)"
        rf"(?:@[\w.+-]{{1,64}}+)?[{re.escape(_PUNCTUATION)}{INVISIBLE}]*+(?=\s|\Z)"
        rf"[\s{INVISIBLE}]*+"
    )


def _foreign(prefix: str) -> re.Pattern[str]:
    """Return what the beginning of a call of somebody else's command looks like.

    The prefix of those is ``/``, whatever Butler's own is.
    """
    unseen = f"[{INVISIBLE}]"
    marks = "".join({*"/\N{FULLWIDTH SOLIDUS}", prefix})
    mark = f"[{re.escape(marks)}]"
    return re.compile(
        rf"[\s{INVISIBLE}]*+{mark}{unseen}*+(?P<escape>{mark}?+){unseen}*+"
        rf"(?P<word>[A-Za-z](?:[\w.{INVISIBLE}-]|:(?=\w)){{0,{2 * MAX_FOREIGN_WORD_LENGTH}}}+)"
        rf"[!?…{INVISIBLE}]*+(?=\s|\Z)[\s{INVISIBLE}]*+"
    )


class Router:
    """Looks up commands by name.

    Args:
        commands: With distinct names and aliases.
        prefix: The prefix of every command.

    Raises:
        PluginError: Two commands share a name, or one needs what an unknown one needs.
    """

    def __init__(self, commands: Iterable[Command], prefix: str = "/") -> None:
        self.commands = tuple(commands)
        self.prefix = prefix
        self._by_name: dict[str, Command] = {}
        for command in self.commands:
            for name in command.names:
                self._register(name, command)
        for command in self.commands:
            self._check_needs_like(command)
        self._by_call = {f"{prefix}{name}": command for name, command in self._by_name.items()}
        self.has_commands_for_everyone = any(
            command.needs is Role.EVERYONE for command in self.commands
        )
        self._head = _head(prefix)
        self._foreign = _foreign(prefix)
        self._mention = re.compile(
            rf"(?<![\w/])/(?=(?:{'|'.join(self._by_name) or '(?!)'})(?![\w/-]))"
        )

    def route(self, text: str) -> Decision:
        """Return the call in ``text``, be the command known or unknown, or None.

        None means plain text: it has no prefix, or the prefix is not followed by a possible
        command name.
        """
        # Fast path: most calls are just a command and one space.
        word, _space, argument = text.partition(" ")
        command = self._by_call.get(word)
        if command is not None:
            return Call(command, argument.lstrip())
        head = self._head.match(text)
        if head is None:
            return None
        word = tidied(head["word"]).lower()
        command = self._by_name.get(word)
        if command is not None:
            return Call(command, text[head.end() :])
        is_meant = not head["gap"] and len(word) <= MAX_WORD_LENGTH
        return Unknown(word, self.nearest(word)) if is_meant else None

    def foreign(self, text: str) -> ForeignCall | None:
        """Return the call in ``text`` of a command that is not Butler's own, or None.

        ``/compact`` is one unless Butler has a command of that name; ``//compact`` always is.
        """
        head = self._foreign.match(text)
        if head is None:
            return None
        word = tidied(head["word"])
        if not head["escape"] and isinstance(self.route(text), Call):
            return None
        return ForeignCall(word, text[head.end() :], bool(head["escape"]))

    def get(self, name: str) -> Command | None:
        """Return the command with this name or alias, with or without the prefix."""
        return self._by_name.get(name.removeprefix(self.prefix).removeprefix("/").lower())

    def nearest(self, word: str) -> str | None:
        """Return the command name or alias most similar to ``word``, if any is similar."""
        near = get_close_matches(word[:MAX_WORD_LENGTH], self._by_name, n=1, cutoff=0.7)
        return near[0] if near else None

    def with_prefix(self, text: str) -> str:
        """Return ``text`` with its commands, such as ``/use``, written with the prefix."""
        return self._mention.sub(lambda _: self.prefix, text)

    def _check_needs_like(self, command: Command) -> None:
        if command.needs_like is not None and command.needs_like not in self._by_name:
            raise PluginError(
                f"plugin {command.plugin!r}: /{command.name} needs the role of "
                f"/{command.needs_like}, but there is no such command."
            )

    def _register(self, name: str, command: Command) -> None:
        other = self._by_name.setdefault(name, command)
        if other is not command:
            raise PluginError(
                f"plugin {command.plugin!r}: /{name} is taken by plugin {other.plugin!r} "
                f"(/{other.name})."
            )
