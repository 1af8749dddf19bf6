"""The hub's journal: which machine has which turn, what was sent for it, and whose runs are whose.

What changes together is written together, before anything leaves the hub: a placement before its
turn, and the id of a reply, with its place in the worker's sequence, before the confirmation.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from butler.core.fleet import OpenQuestion
from butler.fleet.frames import Delivered, Event, Over
from butler.storage.files import data_error
from butler.storage.pruning import HOUR_S, boot_time
from butler.storage.sqlite import Database, Statement

KEEP_S = 7 * 24 * 3600.0
MOST_PLACEMENTS = 50_000
MOST_SENT = 10_000
MOST_RUNS = 10_000

_MIGRATIONS = (
    """
    CREATE TABLE placements (
        turn TEXT PRIMARY KEY, placement BLOB NOT NULL, time REAL NOT NULL, over BLOB
    ) WITHOUT ROWID;
    CREATE TABLE events (
        worker TEXT NOT NULL, life INTEGER NOT NULL, chat_id TEXT NOT NULL, number INTEGER NOT NULL,
        message_id TEXT, reason TEXT NOT NULL, time REAL NOT NULL,
        PRIMARY KEY (worker, life, chat_id, number)
    ) WITHOUT ROWID;
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY, machine TEXT NOT NULL, chat_id TEXT NOT NULL,
        is_live INTEGER NOT NULL
    );
    CREATE TABLE sent (
        chat_id TEXT NOT NULL, message_id TEXT NOT NULL, machine TEXT NOT NULL,
        UNIQUE (chat_id, message_id)
    );
    CREATE TABLE reach (
        machine TEXT NOT NULL, chat_id TEXT NOT NULL, PRIMARY KEY (machine, chat_id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE questions (
        chat_id TEXT NOT NULL, code TEXT NOT NULL, place BLOB NOT NULL,
        PRIMARY KEY (chat_id, code)
    ) WITHOUT ROWID
    """,
)


class Placement(NamedTuple):
    """Where a turn went, and with what; the same if its message comes again.

    ``digest`` is that of the text, which is another one if its sender edited it. ``is_urgent`` and
    ``is_prompt`` are those of ``There``.
    """

    machine: str
    command: str | None
    argument: str
    repo: str | None
    digest: str
    is_urgent: bool = False
    is_prompt: bool = False


class RunPlace(NamedTuple):
    """Where a run is."""

    number: int
    machine: str
    chat_id: str
    is_live: bool


class QuestionPlace(NamedTuple):
    """An open question, and the machine that asks it.

    Attributes:
        machine: Its name.
        question: The question.
        life: That of the machine's process; 0 for this one.
    """

    machine: str
    question: OpenQuestion
    life: int = 0

    @property
    def takes_text(self) -> bool:
        """Whether plain text may answer it."""
        return self.question.text_of is not None


_question = msgspec.json.Decoder(QuestionPlace)
_placement = msgspec.json.Decoder(Placement)
_over = msgspec.json.Decoder(Over)


class Journal:
    """The journal of one hub.

    Args:
        path: The file.

    Raises:
        DataError: It cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _MIGRATIONS, raises=data_error)
        self._pending: list[Statement] = []
        self._note_pruning()
        self.commit()
        query = "SELECT turn, placement, over FROM placements ORDER BY time"
        self._placements: dict[str, Placement] = {}
        self._overs: dict[str, Over] = {}
        for turn, placement, over in self._database.read(query):
            self._placements[str(turn)] = _placement.decode(_bytes(placement))
            if over is not None:
                self._overs[str(turn)] = _over.decode(_bytes(over))
        reach = self._database.read("SELECT machine, chat_id FROM reach")
        self._reach = {(str(machine), str(chat_id)) for machine, chat_id in reach}

    def close(self) -> None:
        """Write what is left and close the file."""
        self.commit()
        self._database.close()

    def commit(self) -> None:
        """Write what was noted, in one transaction.

        Raises:
            DataError: It cannot be written; nothing may leave the hub.
        """
        if self._pending:
            if boot_time() - self._pruned_at > HOUR_S:
                self._note_pruning()
            self._database.write(*self._pending)
            self._pending.clear()

    def placement(self, turn: str) -> Placement | None:
        """Return where a turn was placed, if it was."""
        return self._placements.get(turn)

    def over(self, turn: str) -> Over | None:
        """Return how a turn ended, if it did."""
        return self._overs.get(turn)

    @property
    def open_turns(self) -> int:
        """The number of turns of which no end is known."""
        return len(self._placements) - len(self._overs)

    def place(self, turn: str, placement: Placement, chat_id: str) -> None:
        """Note where a turn is placed."""
        self._placements[turn] = placement
        values = turn, msgspec.json.encode(placement), time.time()
        self._note("INSERT OR REPLACE INTO placements VALUES (?, ?, ?, NULL)", values)
        if (placement.machine, chat_id) not in self._reach:
            self._reach.add((placement.machine, chat_id))
            self._note("INSERT OR IGNORE INTO reach VALUES (?, ?)", (placement.machine, chat_id))
        if len(self._placements) > MOST_PLACEMENTS:
            oldest = next(iter(self._placements))
            del self._placements[oldest]
            self._overs.pop(oldest, None)

    def may_tell(self, machine: str, chat_id: str) -> bool:
        """Return whether a machine ever had a turn of a chat, and so may write to it."""
        return (machine, chat_id) in self._reach

    def end(self, turn: str, over: Over) -> None:
        """Note how a turn ended."""
        if turn in self._placements:
            self._overs[turn] = over
            values = msgspec.json.encode(over), turn
            self._note("UPDATE placements SET over = ? WHERE turn = ?", values)

    def note_event(
        self, worker: str, life: int, event: Event, message_id: str | None, reason: str = ""
    ) -> None:
        """Note what became of an event, so that it is not acted upon again."""
        values = worker, life, event.chat_id, event.number, message_id, reason, time.time()
        self._note("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        confirmed = worker, life, event.chat_id, event.lowest
        self._note(
            "DELETE FROM events WHERE worker = ? AND life = ? AND chat_id = ? AND number < ?",
            confirmed,
        )

    def outcome(self, worker: str, life: int, event: Event) -> Delivered | None:
        """Return what became of an event, if it was acted upon."""
        self.commit()
        rows = self._database.read(
            "SELECT message_id, reason FROM events "
            "WHERE worker = ? AND life = ? AND chat_id = ? AND number = ?",
            (worker, life, event.chat_id, event.number),
        )
        for message_id, reason in rows:
            name = None if message_id is None else str(message_id)
            return Delivered(event.chat_id, event.number, name, str(reason))
        return None

    def note_sent(self, chat_id: str, message_id: str, machine: str) -> None:
        """Note which machine a message of the bot is from."""
        values = chat_id, message_id, machine
        self._note("INSERT OR REPLACE INTO sent VALUES (?, ?, ?)", values)

    def sent(self) -> list[tuple[str, str, str]]:
        """Return the chats, ids and machines of the latest messages, oldest first."""
        rows = self._database.read("SELECT chat_id, message_id, machine FROM sent ORDER BY rowid")
        return [
            (str(chat_id), str(message_id), str(machine)) for chat_id, message_id, machine in rows
        ]

    def note_run(self, run: RunPlace) -> None:
        """Note where a run is, and whether it goes on."""
        values = run.number, run.machine, run.chat_id, run.is_live
        self._note("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)", values)

    def runs(self) -> list[RunPlace]:
        """Return the latest runs, oldest first."""
        rows = self._database.read("SELECT number, machine, chat_id, is_live FROM runs")
        return [RunPlace(int(str(row[0])), str(row[1]), str(row[2]), bool(row[3])) for row in rows]

    def note_question(self, place: QuestionPlace) -> None:
        """Note an open question."""
        values = place.question.chat_id, place.question.code, msgspec.json.encode(place)
        self._note("INSERT OR REPLACE INTO questions VALUES (?, ?, ?)", values)

    def forget_question(self, chat_id: str, code: str) -> None:
        """Note that a question is closed."""
        self._note("DELETE FROM questions WHERE chat_id = ? AND code = ?", (chat_id, code))

    def questions(self) -> list[QuestionPlace]:
        """Return the open questions of other machines."""
        rows = self._database.read("SELECT place FROM questions")
        return [_question.decode(_bytes(place)) for (place,) in rows]

    def _note(self, sql: str, values: Sequence[str | int | float | bytes | None]) -> None:
        self._pending.append((sql, values))

    def _note_pruning(self) -> None:
        self._pruned_at = boot_time()
        oldest = time.time() - KEEP_S
        self._note("DELETE FROM placements WHERE time < ?", (oldest,))
        self._note("DELETE FROM events WHERE time < ?", (oldest,))
        for table, most in (("sent", MOST_SENT), ("runs", MOST_RUNS)):
            newest = f"SELECT rowid FROM {table} ORDER BY rowid DESC LIMIT ?"  # noqa: S608
            self._note(f"DELETE FROM {table} WHERE rowid NOT IN ({newest})", (most,))  # noqa: S608


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
