"""What differs between two states of a working copy, as git tells it."""

import os
from collections.abc import Collection
from dataclasses import dataclass

NO_FILE = "000000"
OPAQUE = "160000"
"""The mode of what a snapshot notes but does not hold, which is how git notes a submodule."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """What happened to one file; a binary one has no count of lines."""

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference of two states: a patch as git writes it, and a line on each file.

    Attributes:
        opaque: What changed and is in neither: what snapshots do not hold.
    """

    text: str
    files: tuple[FileChange, ...]
    opaque: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of ``git diff-tree --raw``: modes and ids before and after."""

    path: str
    modes: tuple[str, str]
    ids: tuple[str, str]

    @property
    def is_opaque(self) -> bool:
        """Whether one of the two sides cannot be put back."""
        return OPAQUE in self.modes


def file_changes(output: str) -> tuple[FileChange, ...]:
    """Read ``git diff --numstat -z``."""
    return tuple(map(_file_change, output.split("\0")[:-1]))


def entries(output: str) -> list[Entry]:
    """Read ``git diff-tree --raw -z``."""
    fields = iter(output.split("\0")[:-1])
    return [_entry(head, path) for head, path in zip(fields, fields, strict=True)]


def shown(path: str) -> str:
    """Return a path as git gave it, fit to be shown: on one line."""
    text = os.fsencode(path).decode(errors="replace")
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def summary(files: Collection[FileChange]) -> str:
    """Return the number of changed files and lines."""
    added = sum(file.added or 0 for file in files)
    removed = sum(file.removed or 0 for file in files)
    return f"{len(files)} file{'s' * (len(files) != 1)} +{added} −{removed}"


def _file_change(line: str) -> FileChange:
    added, removed, path = line.split("\t", 2)
    if added == "-":
        return FileChange(shown(path), None, None)
    return FileChange(shown(path), int(added), int(removed))


def _entry(head: str, path: str) -> Entry:
    old_mode, new_mode, old_id, new_id, _ = head.removeprefix(":").split()
    return Entry(path, (old_mode, new_mode), (old_id, new_id))
