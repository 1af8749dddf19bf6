"""Formats the intended action of a tool for a question."""

from collections.abc import Iterable, Iterator
from difflib import unified_diff
from itertools import islice

from butler_run.agents import Change, PermissionAsked

_MOST = 1_000_000
_COMPARED_LINES = 400
"""Comparison time grows with the square of the number of lines."""


def details(asked: PermissionAsked) -> str:
    """Return everything that the agent says about the tool's action; may be empty."""
    if asked.command is not None:
        return asked.command[:_MOST]
    if asked.changes:
        return "\n".join(_lines(asked.changes))[:_MOST]
    return asked.detail


def _lines(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        yield change.path
        yield from _changed(
            (change.old or "")[:_MOST].splitlines(), change.new[:_MOST].splitlines()
        )


def _changed(old: list[str], new: list[str]) -> Iterator[str]:
    if not old or len(old) + len(new) > _COMPARED_LINES:
        yield from (f"- {line}" for line in old)
        yield from (f"+ {line}" for line in new)
        return
    for line in islice(unified_diff(old, new, n=1, lineterm=""), 3, None):
        yield "…" if line.startswith("@@") else f"{line[0]} {line[1:]}"
