"""What the journal tells of messages that wait, for `butler status`."""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from butler.chat.text import ago, duration
from butler.storage.files import is_there

DAY_S = 86_400.0
_WAITS = "SELECT count(*), min(time) FROM inbox WHERE state IN ('received', 'handed')"
_LAST_IN = "SELECT max(time) FROM inbox"
_LAST_OUT = "SELECT max(time) FROM outbox WHERE state = 'sent'"
_UNTOLD = "SELECT count(*) FROM outbox WHERE state IN ('asked', 'sending')"
_UNKNOWN = "SELECT count(*) FROM outbox WHERE state = 'unknown' AND time > ?"


@dataclass(frozen=True, slots=True)
class JournalFigures:
    """The figures of a journal; times in Unix seconds.

    Attributes:
        backlog: How many messages wait.
        waiting_since: When the oldest of them came.
        last_in: When the last message came.
        last_out: When the last reply was sent.
        untold: How many replies wait to be sent.
        unknown: Of how many replies of the last day nobody knows whether they arrived.
    """

    backlog: int
    waiting_since: float | None
    last_in: float | None
    last_out: float | None
    untold: int
    unknown: int


def journal_figures(path: Path) -> JournalFigures | None:
    """Read the figures of a journal; return None if there is none.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    if not is_there(path):
        return None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        backlog, waiting_since = db.execute(_WAITS).fetchone()
        last_in, last_out, untold = (
            db.execute(query).fetchone()[0] for query in (_LAST_IN, _LAST_OUT, _UNTOLD)
        )
        (unknown,) = db.execute(_UNKNOWN, (time.time() - DAY_S,)).fetchone()
    return JournalFigures(backlog, waiting_since, last_in, last_out, untold, unknown)


def journal_lines(figures: JournalFigures) -> list[tuple[str, str]]:
    """Return what to show of them, by subject."""
    waits = f"{figures.backlog:,} waiting"
    if figures.waiting_since is not None:
        waits += f", the oldest for {duration(max(0.0, time.time() - figures.waiting_since))}"
    replies = [f"{figures.untold:,} waiting"] if figures.untold else []
    if figures.unknown:
        replies.append(f"{figures.unknown:,} of today may or may not have arrived")
    return [
        ("backlog", waits),
        *([("replies", ", ".join(replies))] if replies else []),
        ("last in", _when(figures.last_in)),
        ("last out", _when(figures.last_out)),
    ]


def _when(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    return f"{at}, {ago(time.time() - seconds)}"
