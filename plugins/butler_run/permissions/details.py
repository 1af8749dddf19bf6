"""Formats the intended action of a tool for a question."""

from collections.abc import Iterable, Iterator
from difflib import unified_diff
from itertools import islice

from butler import listed
from butler_run.agents import Change, PermissionAsked

MOST = 1_000_000
"""Maximum number of characters that a question may have."""

_COMPARED_LINES = 400
"""Comparison time grows with the square of the number of lines."""


def details(asked: PermissionAsked) -> str:
    """Return everything that the agent says about the tool's action; may be empty.

    Characters that a phone would not show, such as control characters, are escaped.
    """
    parts = [asked.command or "", "\n".join(_lines(asked.changes)), asked.detail]
    return visible("\n".join(part for part in parts if part))


def wish(asked: PermissionAsked) -> str:
    """Return the request in a few words, as in "Claude wants to …"."""
    if asked.command is not None:
        return "run this command"
    paths = list(dict.fromkeys(change.path for change in asked.changes))
    if not paths:
        return f"use this tool: {visible(asked.tool)}"
    verb = "write" if all(change.old is None for change in asked.changes) else "edit"
    return f"{verb} {listed(map(visible, paths), 1)}"


def visible(text: str) -> str:
    """Return ``text`` with invisible characters escaped, except line ends."""
    if text.isprintable():
        return text
    return "".join(
        each if each == "\n" or each.isprintable() else each.encode("unicode_escape").decode()
        for each in text.replace("\t", "    ")
    )


def _lines(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        yield change.path
        yield from _changed((change.old or "").splitlines(), change.new.splitlines())


def _changed(old: list[str], new: list[str]) -> Iterator[str]:
    if not old or len(old) + len(new) > _COMPARED_LINES:
        yield from (f"- {line}" for line in old)
        yield from (f"+ {line}" for line in new)
        return
    for line in islice(unified_diff(old, new, n=1, lineterm=""), 3, None):
        yield "…" if line.startswith("@@") else f"{line[0]} {line[1:]}"
