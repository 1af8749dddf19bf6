"""Descriptions of mistakes in input, in Butler's words rather than pydantic's."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from butler.chat.text import printable
from butler.config.secrets import may_hold_secret

_WORDINGS = {
    "string_type": "expected a text in quotes",
    "bytes_type": "expected a text in quotes",
    "missing": "is missing",
    "string_pattern_mismatch": "expected a text like {pattern}",
    "string_too_short": "expected a text of length {min_length} or more",
    "string_too_long": "expected a text of length {max_length} or less",
    "too_short": "expected a length of {min_length} or more",
    "too_long": "expected a length of {max_length} or less",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected at least {ge}",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected at most {le}",
    "literal_error": "expected {expected}",
    "tuple_type": "expected a list in brackets",
    "list_type": "expected a list in brackets",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "value_error": "{error}",
    "assertion_error": "{error}",
    "butler": "{expected}",
}
"""The wording of an error, by pydantic's error type."""


def expected(model: type[BaseModel], error: ErrorDetails) -> str:
    """Describe an error in a configuration, with the wrong value unless it may be a secret."""
    kind, place = error["type"], error["loc"]
    if kind == "extra_forbidden":
        return unknown_key(str(place[-1]), _keys(model, place[:-1]))
    said = wording(error)
    if kind == "missing" or _is_about_parts(error) or may_hold_secret(_kind(model, place)):
        return said
    return f"{said}, found {_shown(error['input'])}"


def wording(error: ErrorDetails) -> str:
    """Describe an error in Butler's words rather than pydantic's, without a full stop."""
    said = _WORDINGS.get(error["type"])
    text = said.format(**error.get("ctx", {})) if said else error["msg"]
    return text.removesuffix(".")


def _is_about_parts(error: ErrorDetails) -> bool:
    """Return whether the description names the wrong part of a list or table."""
    is_list = error["type"] == "butler" and isinstance(error["input"], (list, tuple))
    return is_list or (error["type"] == "value_error" and isinstance(error["input"], dict))


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Describe an unknown key, with a suggestion."""
    return f"unknown key; {hint(key, known)}"


def hint(key: str, known: Iterable[str]) -> str:
    """Suggest the known word nearest to ``key``, or else list all of them."""
    known = sorted({*known})
    if near := get_close_matches(key, known, n=1, cutoff=0.5):
        return f"did you mean {near[0]}?"
    return f"known here: {', '.join(known) or 'none'}"


def _keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the table at ``place``, a path of keys from ``model`` downwards."""
    table = _model_in(_kind(model, place))
    return list(table.model_fields) if table else []


def _kind(model: type[BaseModel], place: tuple[int | str, ...]) -> object:
    """Return the type of the value at ``place``, or of the nearest table with a known type."""
    kind: object = model
    for part in place:
        table = _model_in(kind)
        if table is not None and str(part) in table.model_fields:
            kind = table.model_fields[str(part)].annotation
    return kind


def _model_in(kind: object) -> type[BaseModel] | None:
    """Return the model that a type is or contains."""
    for each in (kind, *get_args(kind)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _shown(value: object) -> str:
    return printable(repr(value), 60)
