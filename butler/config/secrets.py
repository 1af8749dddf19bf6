"""Secrets in a configuration: the type that declares one, and the shapes of known tokens."""

import re
from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic import BaseModel, SecretStr

Secret = SecretStr
"""The type of a secret setting; ``get_secret_value()`` returns its text."""

_SHAPES = (
    r"gh[pousr]_[A-Za-z0-9]{30,}",
    r"github_pat_[A-Za-z0-9_]{22,}",
    r"glpat-[A-Za-z0-9_-]{20,}",
    r"sk-[A-Za-z0-9_-]{20,}",
    r"[sr]k_live_[A-Za-z0-9]{16,}",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    r"xox[a-z]-[A-Za-z0-9-]{10,}",
    r"xapp-[A-Za-z0-9-]{10,}",
    r"AIza[A-Za-z0-9_-]{35}",
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"GOCSPX-[A-Za-z0-9_-]{20,}",
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[A-Za-z0-9_-]{50,}",
    r"hf_[A-Za-z0-9]{30,}",
    # The header is bounded and possessive, so that repeated partial matches take linear time.
    r"(?<!-)eyJ[A-Za-z0-9_-]{8,400}+\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*",
)
SECRET_SHAPES = rf"(?<![A-Za-z0-9])(?:{'|'.join(_SHAPES)})"
"""A regular expression that finds the tokens of known services."""

_WRITTEN_SECRET = re.compile(
    rf"{SECRET_SHAPES}|-----BEGIN [A-Z0-9 ]{{0,40}}PRIVATE KEY|://[^\s/:@]+:[^\s/@]+@"
)


def lines_with_secrets(text: str) -> Iterator[int]:
    """Yield the number of each line with a token, a private key or a password in a URL."""
    for number, line in enumerate(text.splitlines(), start=1):
        if _WRITTEN_SECRET.search(line):
            yield number


def secrets_in(value: object, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path to each secret that was set in ``value``, a model or a part of one."""
    if isinstance(value, SecretStr):
        if value:
            yield place
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            if name in value.model_fields_set:
                yield from secrets_in(getattr(value, name), (*place, name))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from secrets_in(each, (*place, str(key)))
    elif isinstance(value, list | tuple | set | frozenset):
        for number, each in enumerate(value):
            yield from secrets_in(each, (*place, str(number)))


def may_hold_secret(kind: object, _within: frozenset[object] = frozenset()) -> bool:
    """Return whether a value of this type, such as a model, can be a secret or hold one."""
    if not isinstance(kind, type):
        return any(may_hold_secret(each, _within) for each in get_args(kind))
    if issubclass(kind, SecretStr):
        return True
    if not issubclass(kind, BaseModel) or kind in _within:
        return False
    fields = kind.model_fields.values()
    return any(may_hold_secret(field.annotation, _within | {kind}) for field in fields)
