"""Mistakes in a configuration, in Butler's words rather than pydantic's."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from butler.chat.text import printable
from butler.config.secrets import may_hold_secret


def expected(model: type[BaseModel], error: ErrorDetails) -> str:
    """Say what was expected, in Butler's words rather than pydantic's."""
    kind, place = error["type"], error["loc"]
    if kind == "extra_forbidden":
        return unknown_key(str(place[-1]), _keys(model, place[:-1]))
    if kind == "missing":
        return "is missing"
    if kind == "butler" and isinstance(error["input"], (list, tuple)):
        return error["msg"]
    if kind == "value_error" and isinstance(error["input"], dict):
        return _expectation(error)
    if may_hold_secret(_kind(model, place)):
        return _expectation(error)
    return f"{_expectation(error)}, found {_shown(error['input'])}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Say that there is no such key, and which might be meant."""
    return f"unknown key; {hint(key, known)}"


def hint(key: str, known: Iterable[str]) -> str:
    """Say which of the known words is near to ``key``, else what they are."""
    known = sorted({*known})
    if near := get_close_matches(key, known, n=1, cutoff=0.5):
        return f"did you mean {near[0]}?"
    return f"known here: {', '.join(known) or 'none'}"


def _expectation(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind].format(**context)}"
    if kind == "butler":
        return error["msg"]
    said = re.sub(r"^(Value error|Assertion failed), ", "", error["msg"])
    said = re.sub(
        r"^(Input|Value|String|Tuple|List|Dictionary) should (be |have )?", "expected ", said
    )
    return said[:1].lower() + said[1:].rstrip(".")


_EXPECTED = {
    "string_type": "a text in quotes",
    "string_too_short": "a text of length {min_length} or more",
    "string_too_long": "a text of length {max_length} or less",
    "too_short": "a length of {min_length} or more",
    "too_long": "a length of {max_length} or less",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "tuple_type": "a list in brackets",
    "list_type": "a list in brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}


def _keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the table at ``place``, a path of keys from ``model`` downwards."""
    table = _model_in(_kind(model, place))
    return list(table.model_fields) if table else []


def _kind(model: type[BaseModel], place: tuple[int | str, ...]) -> object:
    """Return the type of what stands at ``place``; of what is around it where that is not known."""
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
