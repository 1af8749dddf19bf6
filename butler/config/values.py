"""Parsers of single values of the configuration and the command line."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from butler.access.rules import Role
from butler.chat.message import Person
from butler.chat.text import printable
from butler.config.secrets import Secret
from butler.storage import redis_url

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"([0-9]{1,6})\s*([smhd])")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def span_s(text: str) -> float:
    """Parse a duration such as ``30s``, ``15m``, ``12h`` or ``30d`` to seconds.

    Raises:
        ValueError: It is not a duration, or zero.
    """
    match = _SPAN.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{text!r} is not a duration")
    return float(int(match[1]) * _UNITS_S[match[2]])


def moment(text: str, now: float) -> float:
    """Parse a day such as ``2026-11-22``, or a duration before ``now``, to Unix time.

    Raises:
        ValueError: It is neither.
    """
    with suppress(ValueError):
        return now - span_s(text)
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%d"))
    except OverflowError as error:
        raise ValueError(str(error)) from error


def _wrong(expected: str) -> PydanticCustomError:
    return PydanticCustomError("butler", "{expected}", {"expected": expected})


def _expanded_path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _wrong("expected a path")
    missing = [
        name
        for match in _VARIABLE.finditer(value)
        if (name := match[1] or match[2]) not in os.environ
    ]
    if missing:
        raise _wrong(f"the variable ${missing[0]} is not set")
    try:
        path = Path(os.path.expandvars(value)).expanduser()
    except RuntimeError:
        raise _wrong("this user has no home folder") from None
    return Path(os.path.normpath((info.context or Path.cwd()) / path))


def _seconds(value: object) -> float | None:
    if value == "never":
        return None
    try:
        if not isinstance(value, str):
            raise TypeError
        return span_s(value)
    except (TypeError, ValueError):
        raise _wrong('expected a time such as "30s", "15m", "12h" or "30d", or "never"') from None


def _person(value: object) -> Person:
    try:
        if not isinstance(value, str):
            raise TypeError
        person = Person.parse(value.replace(" ", ""))
    except (TypeError, ValueError):
        raise _wrong(
            'expected a phone number such as "+4915112345678", or a LID ("…@lid")'
        ) from None
    if person.lacks_country_code:
        raise _wrong('expected a phone number with its country code, such as "+4915112345678"')
    return person


def _chat_id(value: str) -> str:
    if not re.fullmatch(r"[^\s@]{1,64}(@[a-z.]{1,32})?", value):
        raise _wrong('expected a chat\'s id such as "120363405395407771@g.us"')
    return value


def _role(value: object) -> Role:
    if value not in ("user", "owner"):
        raise _wrong('expected "user" or "owner"')
    return Role[str(value).upper()]


def _all_different(names: tuple[str, ...]) -> tuple[str, ...]:
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise _wrong(f"{printable(twice[0])!r} is listed more than once")
    return names


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[^\s\w]{1,3}", value):
        raise _wrong('expected one to three punctuation marks such as "/" or "!"')
    return value


def _redis_url(value: Secret) -> Secret:
    try:
        redis_url.parse(value.get_secret_value())
    except ValueError as error:
        raise _wrong(str(error)) from None
    return value


def _machine_name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", value):
        raise _wrong('expected lower-case letters, digits and "-", such as "laptop"')
    return value


def _web_url(value: Secret) -> Secret:
    return _url(value, ("http", "https"), 'expected an address such as "https://example.org/x"')


def _smtp_url(value: Secret) -> Secret:
    said = 'expected an address such as "smtps://user:password@mail.example.org"'
    return _url(value, ("smtp", "smtps"), said)


def _url(value: Secret, schemes: tuple[str, ...], said: str) -> Secret:
    text = value.get_secret_value()
    try:
        parts = urlsplit(text)
        is_right = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or not text.isascii() or not text.isprintable() or " " in text:
        raise _wrong(said)
    return value


def _email_address(value: str) -> str:
    if not re.fullmatch(r"[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,255}", value):
        raise _wrong('expected an address such as "anna@example.org"')
    return value


def host_and_port(text: str) -> tuple[str, int]:
    """Parse an address to listen on, such as ``127.0.0.1:9464`` or ``[::1]:9464``.

    Raises:
        ValueError: It is none.
    """
    parts = urlsplit(f"//{text}")
    if not parts.hostname or not parts.port or parts.netloc != text or "@" in text:
        raise ValueError(f"{text!r} is no address with a port")
    return parts.hostname, parts.port


def _listen_address(value: str) -> str:
    try:
        host_and_port(value)
    except ValueError:
        raise _wrong('expected an address and a port such as "127.0.0.1:9464"') from None
    return value


ConfiguredPath = Annotated[Path, BeforeValidator(_expanded_path)]
Seconds = Annotated[float | None, BeforeValidator(_seconds)]
ConfiguredPerson = Annotated[Person, BeforeValidator(_person)]
ConfiguredRole = Annotated[Role, BeforeValidator(_role)]
ChatId = Annotated[str, AfterValidator(_chat_id)]
Prefix = Annotated[str, AfterValidator(_prefix)]
DifferentNames = Annotated[tuple[str, ...], AfterValidator(_all_different)]
WebUrl = Annotated[Secret, AfterValidator(_web_url)]
SmtpUrl = Annotated[Secret, AfterValidator(_smtp_url)]
EmailAddress = Annotated[str, AfterValidator(_email_address)]
RedisUrl = Annotated[Secret, AfterValidator(_redis_url)]
ListenAddress = Annotated[str, AfterValidator(_listen_address)]
MachineName = Annotated[str, AfterValidator(_machine_name)]
