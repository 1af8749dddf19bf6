"""Templates, and what they call."""

import time
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from butler.chat.text import duration, printable
from butler.web.markup import pieces

_FOLDER = Path(__file__).parent


def make_environment() -> Environment:
    """Return the templates; they escape all that they show."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": clock,
        "elapsed": elapsed,
        "iso": iso,
        "line": line,
        "money": money,
        "pieces": pieces,
        "seen": seen,
    }
    return environment


def clock(seconds: float) -> str:
    """Return a time of day, with its date unless that is today's."""
    then, now = time.localtime(seconds), time.localtime()
    form = "%H:%M:%S" if then[:3] == now[:3] else "%Y-%m-%d %H:%M:%S"
    return time.strftime(form, then)


def seen(text: str) -> str:
    """Return a text of several lines with what nobody would see escaped."""
    if text.isprintable():
        return text
    return "".join(
        each if each in "\n\t" or each.isprintable() else each.encode("unicode_escape").decode()
        for each in text.replace("\r\n", "\n")
    )


def elapsed(since: float, until: float | None = None) -> str:
    """Return the time from then until then, or until now."""
    return duration((until or time.time()) - since)


def iso(seconds: float) -> str:
    """Return a time as programs read it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def line(text: str, limit: int = 200) -> str:
    """Return a text as one line of visible characters."""
    return printable(text, limit)


def money(dollars: float) -> str:
    """Return a sum of US dollars."""
    return f"${dollars:,.2f}"
