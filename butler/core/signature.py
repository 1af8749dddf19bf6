"""Derives the parameters of a command from its handler's signature."""

import inspect
from collections.abc import Iterable
from contextlib import suppress
from types import NoneType, SimpleNamespace, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

from butler.chat.text import tidied
from butler.core.commands import Convert, Handler, Kind, KnownRepos, Parameter
from butler.errors import PluginError, UnknownRepoError
from butler.repos.registry import Repo

_KINDS: dict[object, Kind] = {
    inspect.Parameter.VAR_POSITIONAL: Kind.MANY,
    inspect.Parameter.KEYWORD_ONLY: Kind.REST,
}


def parameters_of(handler: Handler, place: str) -> tuple[Parameter, ...]:
    """Return the parameters of a handler after the context.

    Raises:
        PluginError: A parameter cannot be filled from a message; the text begins with ``place``.
    """
    signatures = list(inspect.signature(handler).parameters.values())
    if not signatures or signatures[0].kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
        raise PluginError(f"{place}: the first parameter must be the context.")
    parameters = tuple(_parameter(each, handler, place) for each in signatures[1:])
    if any(parameter.kind is not Kind.ONE for parameter in parameters[:-1]):
        raise PluginError(f"{place}: a parameter that takes the whole rest must be the last one.")
    return parameters


def _parameter(signature: inspect.Parameter, handler: Handler, place: str) -> Parameter:
    place = f"{place}, parameter {signature.name}"
    if signature.kind is signature.VAR_KEYWORD:
        raise PluginError(f"{place}: **{signature.name} cannot be filled from a message.")
    kind = _KINDS.get(signature.kind, Kind.ONE)
    annotation = _annotation(signature, handler, place)
    convert, expects, choices = _conversion(annotation, place)
    if kind is Kind.REST and annotation is str:
        convert = _as_written
    is_required = kind is not Kind.MANY and signature.default is signature.empty
    default = None if is_required else signature.default
    is_closed = _is_literal(annotation)
    return Parameter(
        signature.name,
        kind,
        convert,
        expects,
        choices,
        is_required,
        default,
        is_closed,
        is_repo=annotation is Repo,
    )


def _annotation(signature: inspect.Parameter, handler: Handler, place: str) -> object:
    if signature.annotation is signature.empty:
        raise PluginError(f"{place}: it has no type.")
    one = SimpleNamespace(__annotations__={"it": signature.annotation})
    try:
        annotation = get_type_hints(one, globalns=getattr(handler, "__globals__", {}))["it"]
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise PluginError(f"{place}: its type cannot be resolved at run time ({error}).") from None
    if get_origin(annotation) in {Union, UnionType}:
        types = [each for each in get_args(annotation) if each is not NoneType]
        return types[0] if len(types) == 1 else annotation
    return annotation


def _conversion(annotation: object, place: str) -> tuple[Convert, str, tuple[str, ...]]:
    if _is_literal(annotation):
        choices = tuple(choice for choice in get_args(annotation) if isinstance(choice, str))
        if len(choices) < len(get_args(annotation)):
            raise PluginError(f"{place}: a Literal may only list strings.")
        return _one_of(choices), f"one of {', '.join(choices)}", choices
    alternatives = [each for each in get_args(annotation) if each is not NoneType]
    if len(alternatives) == 2 and _is_literal(alternatives[1]):
        return _alternatives(alternatives, place)
    known: dict[object, tuple[Convert, str]] = {
        str: (_word, "a word"),
        int: (_whole_number, "a whole number"),
        float: (_number, "a number"),
        Repo: (_repo, "a repo"),
    }
    if annotation not in known:
        raise PluginError(f"{place}: its type must be str, int, float, Literal or Repo.")
    return *known[annotation], ()


def _is_literal(annotation: object) -> bool:
    return get_origin(annotation) is Literal


def _alternatives(
    annotations: Iterable[object], place: str
) -> tuple[Convert, str, tuple[str, ...]]:
    """Return the conversion to the first of several types that a word fits."""
    found = [_conversion(each, place) for each in annotations]
    converts = [convert for convert, _expects, _choices in found]

    def convert(repos: KnownRepos, word: str) -> object:
        for each in converts:
            with suppress(ValueError):
                return each(repos, word)
        raise ValueError(word)

    choices = tuple(choice for *_, choices in found for choice in choices)
    return convert, " or ".join(expects for _convert, expects, _choices in found), choices


def _repo(repos: KnownRepos, word: str) -> Repo:
    try:
        return repos.known_repo(word)
    except UnknownRepoError:
        if (meant := tidied(word)) == word:
            raise
        return repos.known_repo(meant)


def _word(_repos: KnownRepos, word: str) -> str:
    return tidied(word)


def _as_written(_repos: KnownRepos, text: str) -> str:
    return text


def _whole_number(_repos: KnownRepos, word: str) -> int:
    digits = tidied(word).removeprefix("#")
    if len(digits) > 18:
        raise ValueError(word)
    return int(digits)


def _number(_repos: KnownRepos, word: str) -> float:
    number = float(tidied(word))
    if number - number != 0:  # nan and the infinities
        raise ValueError(word)
    return number


def _one_of(choices: tuple[str, ...]) -> Convert:
    by_name = {choice.casefold(): choice for choice in choices}

    def convert(_repos: KnownRepos, word: str) -> str:
        meant = tidied(word).casefold()
        if meant not in by_name:
            raise ValueError(word)
        return by_name[meant]

    return convert
