"""Patches as rows with syntax colours; all of it stays text."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Literal

from pygments.lexer import Lexer
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.token import Comment, Keyword, Number, String, _TokenType
from pygments.util import ClassNotFound

MOST_ROWS = 1_000
LONGEST_LINE = 2_000
LONGEST_COLOURED = 500
COLOURING_LIMIT_S = 1.0
"""Lines that are longer, and those after this time, have no colours: the file's name chooses the
lexer, and the time that some of them take grows with the cube of a line's length."""

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_COLOURS: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "c"),
    (Keyword, "k"),
    (String, "s"),
    (Number, "m"),
)

Piece = tuple[str, str]
"""The class of a piece of a line, empty for none, and its text."""

Kind = Literal["added", "removed", "same", "hunk"]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a diff; ``old`` and ``new`` are its numbers on the two sides."""

    kind: Kind
    pieces: Sequence[Piece]
    old: int | None = None
    new: int | None = None


@dataclass(slots=True)
class FileDiff:
    """What became of a file; ``note`` is for one without lines."""

    path: str
    rows: list[Row] = field(default_factory=list)
    note: str = ""

    @property
    def added(self) -> int:
        """The number of added lines."""
        return sum(row.kind == "added" for row in self.rows)

    @property
    def removed(self) -> int:
        """The number of removed lines."""
        return sum(row.kind == "removed" for row in self.rows)

    @property
    def sides(self) -> list[tuple[Row | None, Row | None]]:
        """The rows side by side: what was removed next to what was added in its place."""
        return list(_beside_each_other(self.rows))


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch; ``is_cut`` if there is more of it."""

    files: Sequence[FileDiff]
    is_cut: bool = False


def read_patch(text: str, most_rows: int = MOST_ROWS) -> Patch:
    """Return the files of a patch as git writes it."""
    files: list[FileDiff] = []
    old = new = count = 0
    coloured_until_s = time.thread_time() + COLOURING_LIMIT_S
    for line in text.split("\n"):
        if line.startswith("diff --git "):
            files.append(FileDiff(_path(line)))
        elif not files:
            continue
        elif hunk := _HUNK.match(line):
            old, new = int(hunk[1]), int(hunk[2])
            files[-1].rows.append(Row("hunk", [("", line)]))
        elif not files[-1].rows:
            files[-1].note = files[-1].note or _note(line)
        elif line[:1] in {"+", "-", " "}:
            count += 1
            if count > most_rows:
                return Patch(files, is_cut=True)
            is_late = time.thread_time() >= coloured_until_s
            pieces = _plain(line[1:]) if is_late else coloured(files[-1].path, line[1:])
            row = _row(line[0], pieces, old, new)
            files[-1].rows.append(row)
            old, new = old + (row.kind != "added"), new + (row.kind != "removed")
    return Patch(files)


def _row(sign: str, pieces: Sequence[Piece], old: int, new: int) -> Row:
    match sign:
        case "+":
            return Row("added", pieces, new=new)
        case "-":
            return Row("removed", pieces, old=old)
        case _:
            return Row("same", pieces, old, new)


def coloured(path: str, line: str) -> list[Piece]:
    """Return a line of a file in pieces, each with the class of its colour."""
    if len(line) > LONGEST_COLOURED:
        return _plain(line)
    tokens = _lexer(path).get_tokens(line)
    return [
        (colour, text)
        for colour, group in groupby(tokens, lambda token: _colour(token[0]))
        if (text := "".join(each for _kind, each in group).rstrip("\n"))
    ]


def _plain(line: str) -> list[Piece]:
    return [("", line[:LONGEST_LINE] + "…" * (len(line) > LONGEST_LINE))]


@lru_cache(maxsize=64)
def _lexer(path: str) -> Lexer:
    try:
        found: Lexer = get_lexer_for_filename(path.rpartition("/")[2], stripnl=False)
    except ClassNotFound:
        return TextLexer(stripnl=False)
    return found


def _colour(token: _TokenType) -> str:
    return next((name for kind, name in _COLOURS if token in kind), "")


def _path(line: str) -> str:
    """Return the path after the change: ``x y`` of ``diff --git a/x y b/x y``."""
    rest = line.removeprefix("diff --git ")
    old, new = (
        each.strip('"')[2:] for each in (rest[: len(rest) // 2], rest[len(rest) // 2 + 1 :])
    )
    if old == new:  # as it is but for a rename; a path may contain " b/"
        return new
    return rest[rest.rfind(" b/") + 3 :] if " b/" in rest else rest.strip('"')


def _note(line: str) -> str:
    for beginning in ("new file", "deleted file", "rename to", "Binary files", "old mode"):
        if line.startswith(beginning):
            return line
    return ""


def _beside_each_other(rows: Sequence[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    removed: list[Row] = []
    added: list[Row] = []

    def both() -> Iterator[tuple[Row | None, Row | None]]:
        for place in range(max(len(removed), len(added))):
            yield (
                removed[place] if place < len(removed) else None,
                added[place] if place < len(added) else None,
            )
        removed.clear()
        added.clear()

    for row in rows:
        if row.kind == "removed":
            removed.append(row)
        elif row.kind == "added":
            added.append(row)
        else:
            yield from both()
            yield row, row
    yield from both()
