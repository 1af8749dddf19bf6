"""Commands: a name, its handler, and the arguments that the handler takes."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Protocol

from butler.access.rules import Role
from butler.chat.message import Reply
from butler.chat.text import printable, tidied
from butler.core.place import At
from butler.errors import UnknownRepoError, UsageError
from butler.repos.registry import Repo


class Pass(Enum):
    """Returned by a listener to pass a message on to the next one."""

    PASS = "pass"  # noqa: S105 - no password


PASS = Pass.PASS
Answer = str | Reply | None
Handler = Callable[..., Awaitable[Answer]]
Convert = Callable[["KnownRepos", str], object]
Arguments = tuple[list[object], dict[str, object]]

_QUOTES = '"“”„«»'
_WORD = re.compile(
    rf"([^\s'{_QUOTES}]\S*)|[{_QUOTES}]([^{_QUOTES}]*)[{_QUOTES}](?!\S)|'([^']*)'(?!\S)|(\S+)"
)


MOST_WORDS = 100
"""Limit even for a handler that takes all further words."""


class KnownRepos(Protocol):
    """Looks up repos named in a command's arguments; a ``Context`` is one."""

    def known_repo(self, name: str) -> Repo:
        """Return the repo called ``name``, without looking at the disk.

        Raises:
            UnknownRepoError: No such repo, or the sender may not see it here.
        """
        ...

    async def look_for_repos(self) -> None:
        """Scan the disk for repos added or removed since the last scan."""
        ...


class Kind(Enum):
    """Which part of the text after the command a parameter takes."""

    ONE = "one word"
    MANY = "all further words"
    REST = "the rest as it was written"


_ONE = Kind.ONE


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a command.

    Attributes:
        name: Its name in the handler's signature.
        kind: Which part of the text it takes.
        convert: Converts a word to the value; raises ValueError if the word is invalid.
        expects: The expected value in words, such as "a whole number".
        choices: All valid words, if there are few, or those that are valid beside other values.
        is_closed: Only the choices are valid.
        is_repo: It takes the name of a repo.
        default: The value if it is omitted; meaningless for a required one.
    """

    name: str
    kind: Kind
    convert: Convert
    expects: str
    choices: tuple[str, ...] = ()
    is_required: bool = True
    default: object = None
    is_closed: bool = True
    is_repo: bool = False

    @property
    def usage(self) -> str:
        """``<repo>``, ``[repo]``, ``[names…]``, ``<on|off>`` or ``[run|all]``."""
        name = self.name.replace("_", " ")
        shown = "|".join(self.choices if self.is_closed else (name, *self.choices)) or name
        if self.kind is not Kind.ONE:
            shown += "…"
        return f"<{shown}>" if self.is_required else f"[{shown}]"


@dataclass(frozen=True, slots=True)
class Command:
    """A chat command: a ``/name`` with its handler.

    Attributes:
        name: Without the prefix, in lower case.
        aliases: Other names for it.
        handler: Called with the context and the arguments.
        parameters: In the order of the handler's signature.
        help: The handler's docstring; its first line is the summary.
        needs: The minimum role of its callers.
        plugin: The name of the plugin that defines it.
        needs_like: A command whose role the callers need, too.
        overtakes: It does not wait for the earlier messages of its chat.
        only_reads: It changes nothing, so that it may run where nothing can be recorded.
        at: Where it is handled when there are several machines.
        takes_files: The attachments of its message are fetched before it is called.
        more_help: Returns what its plugin adds to the help in a chat, see ``Plugin.more_help``.
    """

    name: str
    aliases: tuple[str, ...]
    handler: Handler
    parameters: tuple[Parameter, ...]
    help: str
    needs: Role
    plugin: str
    needs_like: str | None = None
    overtakes: bool = False
    only_reads: bool = False
    at: At = At.REPO
    takes_files: bool = False
    more_help: Callable[..., Awaitable[str]] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The name and the aliases."""
        return self.name, *self.aliases

    @property
    def summary(self) -> str:
        """The first line of the help."""
        return self.help.partition("\n")[0]

    @property
    def usage(self) -> str:
        """``/use [repo]``."""
        return " ".join([f"/{self.name}", *(parameter.usage for parameter in self.parameters)])

    @property
    def takes_repo(self) -> bool:
        """Whether its first argument is a repo."""
        return bool(self.parameters) and self.parameters[0].is_repo

    def first_word(self, argument: str) -> tuple[str | None, str]:
        """Return the first word of an argument, as its first parameter takes it, and the rest."""
        if not self.parameters or self.parameters[0].kind is not _ONE:
            return None, argument
        return self._word_for(self.parameters[0], argument)

    async def call(self, ctx: KnownRepos, argument: str) -> Answer:
        """Call the handler with the arguments in ``argument``.

        Raises:
            UsageError: An argument is missing, invalid, or one too many.
        """
        try:
            positional, named = self._bind(ctx, argument)
        except UnknownRepoError:
            await ctx.look_for_repos()
            positional, named = self._bind(ctx, argument)
        return await self.handler(ctx, *positional, **named)

    def _bind(self, ctx: KnownRepos, argument: str) -> Arguments:
        positional: list[object] = []
        named: dict[str, object] = {}
        rest = argument
        for parameter in self.parameters:
            if parameter.kind is _ONE:
                word, rest = self._word_for(parameter, rest)
                positional.append(self._value(ctx, parameter, word))
            elif parameter.kind is Kind.MANY:
                words, rest = _next_words(rest)
                positional += [self._value(ctx, parameter, word) for word in words]
            else:
                named[parameter.name] = self._value(ctx, parameter, rest.strip() or None)
                rest = ""
        if rest and (extra := _next_word(rest)[0]) is not None:
            raise UsageError(f"Unexpected argument: {printable(extra)}. Usage: {self.usage}")
        return positional, named

    def _word_for(self, parameter: Parameter, text: str) -> tuple[str | None, str]:
        """Return the word for a parameter, and the rest; to one called run, ``run 1`` is ``1``."""
        word, rest = _next_word(text)
        is_last = parameter is self.parameters[-1]
        if rest and is_last and word is not None and word.casefold() == parameter.name:
            named, after = _next_word(rest)
            return (word, rest) if named is None else (named, after)
        return word, rest

    def _value(self, ctx: KnownRepos, parameter: Parameter, word: str | None) -> object:
        if word is None:
            if parameter.is_required:
                raise UsageError(f"Missing: {parameter.name}. Usage: {self.usage}")
            return parameter.default
        try:
            return parameter.convert(ctx, word)
        except ValueError:
            raise UsageError(
                f"{printable(word)} is not {parameter.expects}. Usage: {self.usage}"
            ) from None


def _next_word(text: str) -> tuple[str | None, str]:
    """Return the first word of ``text`` and the rest; quotes group words."""
    if text.isalnum():
        return text, ""
    for match in _WORD.finditer(text):
        word = match[match.lastindex or 0]
        if word.isascii() or tidied(word):  # else all of it is unseen
            return word, text[match.end() :]
    return None, ""


def _next_words(text: str) -> tuple[list[str], str]:
    """Return the first hundred words of ``text`` and the rest."""
    matches = list(islice(_WORD.finditer(text), MOST_WORDS))
    words = [match[match.lastindex or 0] for match in matches]
    return words, text[matches[-1].end() :] if matches else ""
