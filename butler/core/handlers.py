"""Marks the methods of a plugin as handlers, and makes them commands and listeners."""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from typing_extensions import TypeVar

from butler.access.rules import Role
from butler.core.commands import Answer, Command, Handler, Pass
from butler.core.context import Context
from butler.core.place import At
from butler.core.plugin import Plugin, Settings
from butler.core.signature import parameters_of
from butler.errors import PluginError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_MARK = "__butler_command__"
_LISTENER_MARK = "__butler_listener__"

Listener = Callable[[Context], Awaitable[Answer | Pass]]
HandlerT = TypeVar("HandlerT", bound=Handler)
ListenerT = TypeVar("ListenerT", bound=Callable[..., Awaitable[Answer | Pass]])


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str | None
    aliases: Sequence[str]
    needs: Role
    needs_like: str | None
    overtakes: bool
    only_reads: bool
    at: At
    takes_files: bool


def command(
    name: str | None = None,
    *,
    aliases: Sequence[str] = (),
    needs: Role = Role.USER,
    needs_like: str | None = None,
    only_reads: bool = False,
    overtakes: bool = False,
    at: At = At.REPO,
    takes_files: bool = False,
) -> Callable[[HandlerT], HandlerT]:
    """Make a method of a plugin the handler of a command.

    The method is ``async``, takes the context first, and returns the reply or None. Its docstring
    is the command's help. Its other parameters are the arguments of the command: a
    ``str``, ``int``, ``float``, ``Repo`` or ``Literal["on", "off"]`` takes one word,
    ``int | Literal["all"]`` a number or one of the words, ``| None = None`` makes it optional,
    ``*names`` takes all further words, ``*, prompt`` the rest verbatim.

    Args:
        name: The command's name (default: the method's).
        aliases: Other names for it.
        needs: The minimum role of its callers.
        needs_like: Another command, which the caller must be allowed to use in the chat.
        only_reads: It changes nothing, like whatever a viewer may use. Others are refused while
            what is done cannot be recorded, except for those that stop something (``overtakes``).
        overtakes: It does not wait for the earlier messages of its chat, as a command that stops
            something must not; ``Context.caught_up`` waits for them.
        at: Where it is handled when repos are on several machines; a first argument of type
            ``Repo`` decides before it.
        takes_files: The attachments of the message are fetched before the handler is called; if
            one cannot be had, the chat is told so instead.
    """

    def mark(handler: HandlerT) -> HandlerT:
        reads = only_reads or needs is Role.VIEWER
        found = _Mark(name, aliases, needs, needs_like, overtakes, reads, at, takes_files)
        setattr(handler, _MARK, found)
        return handler

    return mark


def listener(handler: ListenerT) -> ListenerT:
    """Make a method of a plugin a listener: it receives plain text and reactions.

    The method is ``async`` and takes the context. The listeners of all plugins are called in
    order until one returns a reply, or None to handle the message without a reply; ``PASS``
    hands the message to the next one. Only messages from admitted users reach listeners.
    """
    setattr(handler, _LISTENER_MARK, True)
    return handler


def listeners_of(plugin: Plugin[Settings], plugin_name: str) -> list[Listener]:
    """Return the listeners of a plugin, in order of definition.

    Raises:
        PluginError: A listener breaks a rule; the text names plugin, handler and rule.
    """
    return [
        _listener(getattr(plugin, name), plugin_name)
        for name, value in _attributes(type(plugin)).items()
        if getattr(value, _LISTENER_MARK, False)
    ]


def _listener(handler: Listener, plugin_name: str) -> Listener:
    place = _place(handler, plugin_name)
    if not inspect.iscoroutinefunction(handler):
        raise PluginError(f"{place}: a listener must be defined with 'async def'.")
    if len(inspect.signature(handler).parameters) != 1:
        raise PluginError(f"{place}: a listener must take the context and nothing else.")
    return handler


def _place(handler: Callable[..., object], plugin_name: str) -> str:
    return f"plugin {plugin_name!r}, handler {getattr(handler, '__qualname__', handler)}"


def command_names(cls: type[Plugin[Settings]]) -> dict[str, str]:
    """Return a plugin's commands by name and by alias."""
    names: dict[str, str] = {}
    for value in _attributes(cls).values():
        mark = getattr(value, _MARK, None)
        if isinstance(mark, _Mark):
            name = _name(value, mark)
            names |= dict.fromkeys((name, *mark.aliases), name)
    return names


def commands_of(plugin: Plugin[Settings], plugin_name: str) -> list[Command]:
    """Return the commands of a plugin, in order of definition.

    Raises:
        PluginError: A handler breaks a rule; the text names plugin, handler and rule.
    """
    return [
        replace(_command(handler, mark, plugin_name), more_help=plugin.more_help)
        for handler, mark in _marked_handlers(plugin)
    ]


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
    place = _place(handler, plugin_name)
    name = _name(handler, mark)
    if isinstance(mark.aliases, str):
        raise PluginError(f"{place}: aliases must be a tuple, such as ({mark.aliases!r},).")
    for each in (name, *mark.aliases):
        if not _NAME.fullmatch(each):
            raise PluginError(f"{place}: {each!r} is not a valid command name ({_NAME.pattern}).")
    if not inspect.iscoroutinefunction(handler):
        raise PluginError(f"{place}: a handler must be defined with 'async def'.")
    text = inspect.getdoc(handler)
    if not text:
        raise PluginError(f"{place}: a handler needs a docstring, it is the command's help.")
    parameters = parameters_of(handler, place)
    return Command(
        *(name, tuple(mark.aliases), handler, parameters, text, mark.needs, plugin_name),
        needs_like=mark.needs_like,
        overtakes=mark.overtakes,
        only_reads=mark.only_reads,
        at=mark.at,
        takes_files=mark.takes_files,
    )
