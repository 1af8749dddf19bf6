"""What a plugin is, and how its handlers become commands."""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import (
    TYPE_CHECKING,
    ClassVar,
    Generic,
    Literal,
    Self,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from butler.access import Role
from butler.commands import Answer, Command, Convert, Handler, Kind, Listener, Parameter, Pass
from butler.errors import PluginError
from butler.finding import Finding
from butler.message import Message, Reply
from butler.repos import Repo

if TYPE_CHECKING:
    from butler.context import Context

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_MARK = "__butler_command__"
_LISTENER_MARK = "__butler_listener__"
_KINDS: dict[object, Kind] = {
    inspect.Parameter.VAR_POSITIONAL: Kind.MANY,
    inspect.Parameter.KEYWORD_ONLY: Kind.REST,
}


class Settings(BaseModel):
    """The options of a plugin, read from ``[plugins.<name>]``: typed, frozen, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


SettingsT = TypeVar("SettingsT", bound=Settings, default=Settings)
HandlerT = TypeVar("HandlerT", bound=Handler)
ListenerT = TypeVar("ListenerT", bound=Callable[..., Awaitable[Answer | Pass]])
Send = Callable[[str, Reply], Awaitable[str]]
"""Sends a reply to the chat of this id; returns the id of the message."""


class Plugin(Generic[SettingsT]):
    """A set of handlers that share state.

    There is one instance for a bot, made with its settings when the bot is put together. It is
    entered (``async with``) before the first message and left after the last turn.

    Attributes:
        settings_type: The model that ``[plugins.<name>]`` is read into.
        repo_settings_type: The model of the plugin's own keys in ``[repos.<name>]``; what was read
            stands in ``Repo.options`` under the plugin's name.
        settings: What was read.
        data_folder: Where it may keep files; set before the plugin is entered, or asked for its
            findings.
    """

    settings_type: ClassVar[type[Settings]] = Settings
    repo_settings_type: ClassVar[type[Settings]] = Settings
    data_folder: Path

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    def findings(self, repos: Sequence[Repo]) -> Iterable[Finding]:
        """Return a line for `butler check` on each thing that the plugin depends on.

        Args:
            repos: All repos, with the plugin's own options in ``Repo.options``.
        """
        return ()

    async def ready(self, send: Send, reopen: Callable[[Message], "Context"]) -> None:
        """Do what there is to do once messages can be sent, as a job; by default nothing.

        Args:
            send: Sends to any chat.
            reopen: Returns a context to go on with a message from before the start; its sender may
                do no more than they may by now.
        """


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str | None
    aliases: tuple[str, ...]
    needs: Role


def command(
    name: str | None = None, *, aliases: tuple[str, ...] = (), needs: Role = Role.USER
) -> Callable[[HandlerT], HandlerT]:
    """Make a method of a plugin the handler of a command.

    The method is ``async``, takes the context first, and returns the reply or None. Its docstring
    is the command's help. Its further parameters are what may be written behind the command: a
    ``str``, ``int``, ``float``, ``Repo`` or ``Literal["on", "off"]`` takes one word,
    ``| None = None`` makes it optional, ``*names`` takes all further words, ``*, prompt`` the rest
    as it was written.

    Args:
        name: The command's name, if it is not the method's.
        aliases: Other names for it.
        needs: The role it takes to use it.
    """

    def mark(handler: HandlerT) -> HandlerT:
        setattr(handler, _MARK, _Mark(name, aliases, needs))
        return handler

    return mark


def listener(handler: ListenerT) -> ListenerT:
    """Make a method of a plugin hear what is no command: plain text and reactions.

    The method is ``async`` and takes the context. Listeners of all plugins are asked in order,
    until one returns a reply, or None if it acted without one; ``PASS`` lets the next one hear.
    Only what users write is heard.
    """
    setattr(handler, _LISTENER_MARK, True)
    return handler


def listeners_of(plugin: Plugin[Settings]) -> list[Listener]:
    """Return the listeners of a plugin, in the order in which they are written down."""
    return [
        getattr(plugin, name)
        for name, value in _attributes(type(plugin)).items()
        if getattr(value, _LISTENER_MARK, False)
    ]


def command_names(cls: type[Plugin[Settings]]) -> dict[str, str]:
    """Return all names of a plugin's commands, aliases included, with the command of each."""
    names: dict[str, str] = {}
    for value in _attributes(cls).values():
        mark = getattr(value, _MARK, None)
        if isinstance(mark, _Mark):
            name = _name(value, mark)
            names |= dict.fromkeys((name, *mark.aliases), name)
    return names


def commands_of(plugin: Plugin[Settings], plugin_name: str) -> list[Command]:
    """Return the commands of a plugin, in the order in which they are written down.

    Raises:
        PluginError: A handler breaks a rule; the text names plugin, handler and rule.
    """
    return [_command(handler, mark, plugin_name) for handler, mark in _marked_handlers(plugin)]


def _marked_handlers(plugin: Plugin[Settings]) -> Iterator[tuple[Handler, _Mark]]:
    for name, value in _attributes(type(plugin)).items():
        mark = getattr(value, _MARK, None)
        if isinstance(mark, _Mark):
            yield getattr(plugin, name), mark


def _attributes(cls: type[Plugin[Settings]]) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for each in reversed(cls.__mro__):
        attributes |= vars(each)
    return attributes


def _name(handler: object, mark: _Mark) -> str:
    return mark.name or str(getattr(handler, "__name__", "")).replace("_", "-").strip("-")


def _command(handler: Handler, mark: _Mark, plugin_name: str) -> Command:
    place = f"plugin {plugin_name!r}, handler {handler.__qualname__}"
    name = _name(handler, mark)
    for each in (name, *mark.aliases):
        if not _NAME.fullmatch(each):
            raise PluginError(f"{place}: {each!r} is no command name ({_NAME.pattern}).")
    if not inspect.iscoroutinefunction(handler):
        raise PluginError(f"{place}: a handler is written with 'async def'.")
    text = inspect.getdoc(handler)
    if not text:
        raise PluginError(f"{place}: a handler needs a docstring, it is the command's help.")
    parameters = _parameters(handler, place)
    return Command(name, mark.aliases, handler, parameters, text, mark.needs, plugin_name)


def _parameters(handler: Handler, place: str) -> tuple[Parameter, ...]:
    signatures = list(inspect.signature(handler).parameters.values())
    if not signatures or signatures[0].kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
        raise PluginError(f"{place}: the first parameter is the context.")
    parameters = tuple(_parameter(each, handler, place) for each in signatures[1:])
    if any(parameter.kind is not Kind.ONE for parameter in parameters[:-1]):
        raise PluginError(f"{place}: a parameter that takes all the rest is the last one.")
    return parameters


def _parameter(signature: inspect.Parameter, handler: Handler, place: str) -> Parameter:
    place = f"{place}, parameter {signature.name}"
    if signature.kind is signature.VAR_KEYWORD:
        raise PluginError(f"{place}: **{signature.name} cannot be filled from a message.")
    kind = _KINDS.get(signature.kind, Kind.ONE)
    convert, expects, choices = _conversion(_annotation(signature, handler, place), place)
    is_required = kind is not Kind.MANY and signature.default is signature.empty
    default = None if is_required else signature.default
    return Parameter(signature.name, kind, convert, expects, choices, is_required, default)


def _annotation(signature: inspect.Parameter, handler: Handler, place: str) -> object:
    if signature.annotation is signature.empty:
        raise PluginError(f"{place}: it has no type.")
    one = SimpleNamespace(__annotations__={"it": signature.annotation})
    try:
        annotation = get_type_hints(one, globalns=getattr(handler, "__globals__", {}))["it"]
    except NameError as error:
        raise PluginError(f"{place}: its type is not known when Butler runs ({error}).") from None
    if get_origin(annotation) in {Union, UnionType}:
        types = [each for each in get_args(annotation) if each is not NoneType]
        return types[0] if len(types) == 1 else annotation
    return annotation


def _conversion(annotation: object, place: str) -> tuple[Convert, str, tuple[str, ...]]:
    if get_origin(annotation) is Literal:
        choices = tuple(str(choice) for choice in get_args(annotation))
        return _one_of(choices), f"one of {', '.join(choices)}", choices
    known: dict[object, tuple[Convert, str]] = {
        str: (_text, "a word"),
        int: (_whole_number, "a whole number"),
        float: (_number, "a number"),
        Repo: (_repo, "a repo"),
    }
    if annotation not in known:
        raise PluginError(f"{place}: its type is none of str, int, float, Literal and Repo.")
    return *known[annotation], ()


def _text(_ctx: "Context", word: str) -> str:
    return word


def _whole_number(_ctx: "Context", word: str) -> int:
    if len(word) > 18:
        raise ValueError(word)
    return int(word)


def _number(_ctx: "Context", word: str) -> float:
    number = float(word)
    if number - number != 0:  # nan and the infinities
        raise ValueError(word)
    return number


def _repo(ctx: "Context", word: str) -> Repo:
    return ctx.known_repo(word)


def _one_of(choices: tuple[str, ...]) -> Convert:
    by_name = {choice.casefold(): choice for choice in choices}

    def convert(_ctx: "Context", word: str) -> str:
        if word.casefold() not in by_name:
            raise ValueError(word)
        return by_name[word.casefold()]

    return convert
