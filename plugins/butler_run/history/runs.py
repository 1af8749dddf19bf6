"""The run history, on disk."""

import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

from butler import ButlerError, DataError, Finding, Message, Person, Pruning
from butler_run.agents import Usage
from butler_run.history.answers import Answers
from butler_run.history.chats import CHATS_SCHEMA, Chats
from butler_run.history.contexts import Contexts
from butler_run.history.elsewhere import RunsElsewhere
from butler_run.history.file import HistoryFile, all_but_the_latest
from butler_run.history.forks import Forks
from butler_run.history.parked import ParkedRuns
from butler_run.history.past import AT_WORK, Past, Request, State
from butler_run.history.pending_files import PENDING_FILES_SCHEMA, PendingFiles
from butler_run.history.preferences import Preferences
from butler_run.history.process_ids import name_of
from butler_run.history.slash_commands import SlashCommands
from butler_run.history.usage import UsageSoFar

logger = logging.getLogger(__name__)

FILE_NAME = "runs.sqlite3"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id TEXT NOT NULL, repo TEXT NOT NULL, folder TEXT NOT NULL, agent TEXT NOT NULL,
    person TEXT NOT NULL, state TEXT NOT NULL, queued_at REAL NOT NULL,
    started_at REAL, ended_at REAL, cost_usd REAL, before TEXT, after TEXT,
    message_key TEXT NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS runs_by_chat ON runs (chat_id, queued_at);
CREATE TABLE IF NOT EXISTS details (
    number INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL, phone TEXT, lid TEXT, is_own INTEGER NOT NULL, sent_at REAL NOT NULL,
    text TEXT NOT NULL, prompt TEXT NOT NULL, conversation_id TEXT, tokens INTEGER, untold TEXT,
    process TEXT NOT NULL
);
"""
# Beside the versions of the schema: what knows nothing of it still reads the rest.
_UNDONE = "CREATE TABLE IF NOT EXISTS undone (number INTEGER PRIMARY KEY);"
_NAMES = "CREATE TABLE IF NOT EXISTS names (person TEXT PRIMARY KEY, name TEXT NOT NULL);"
_COLUMNS = (
    "number, chat_id, repo, folder, agent, person, state, queued_at, started_at, ended_at, "
    "cost_usd, before, after"
)
_REQUEST = (
    "SELECT number, message_id, chat_id, phone, lid, text, sent_at, is_own, repo, agent, prompt "
    "FROM runs JOIN details USING (number) "
)
_OLDEST_TEXT = "SELECT min(ended_at) FROM runs JOIN details USING (number) WHERE prompt != ''"
_DETAILS_KEPT = 1_000
_RUNS_KEPT = 10_000
_LONGEST_NAME = 100
_UNTOLD_KEPT_S = 24 * 3600.0


def history_finding(path: Path) -> Finding:
    """Check that the run history at ``path`` can be used."""
    try:
        History(path).close()
    except ButlerError as error:
        return Finding(False, "runs", str(error))
    return Finding(True, "runs", str(path))


class History:
    """The runs in a SQLite file; use it from one thread.

    Attributes:
        chats: The chats' choices, in the same file.
        slash_commands: What the agents announced, in the same file.
        preferences: What chats prefer, in the same file.
        parked: The runs that go on after a usage limit, in the same file.
        forks: The conversations to continue in a copy, in the same file.
        answers: What runs answered, in the same file.
        pending_files: The files that came without words, in the same file.
        contexts: The sizes and costs of conversations, in the same file.
        elsewhere: The runs of other processes, in the same file.
        usage: What chats and people have used, in the same file.
    """

    def __init__(self, path: Path, keep_s: float | None = None) -> None:
        self._pruning = Pruning(inf if keep_s is None else keep_s)
        self._process = name_of(os.getpid())
        self._file = HistoryFile(
            path, f"{_SCHEMA}{CHATS_SCHEMA}{_UNDONE}{_NAMES}{PENDING_FILES_SCHEMA}"
        )
        self._unsaved: dict[int, dict[str, Any]] = {}
        self.chats = Chats(self._file)
        self.slash_commands = SlashCommands(self._file)
        self.preferences = Preferences(self._file)
        self.pending_files = PendingFiles(self._file)
        self.parked = ParkedRuns(self._file)
        self.answers = Answers(self._file)
        self.contexts = Contexts(self._file)
        self.forks = Forks(self._file)
        self.elsewhere = RunsElsewhere(self._file, self._process)
        self.usage = UsageSoFar(self._file)
        self.keep_noting = self._file.keep_noting
        self.forget_texts()

    def forget_texts(self) -> None:
        """Forget what was asked and answered in runs that ended too long ago; the rest is kept."""
        if not self._pruning.is_due:
            return
        try:
            until = self._pruning.until(self._file.rows(_OLDEST_TEXT)[0][0])
        except DataError as error:
            logger.warning("texts of old runs stay for now: %s", error)
            return
        self._file.note(
            "UPDATE details SET text = '', prompt = '', untold = NULL WHERE prompt != '' "
            "AND number IN (SELECT number FROM runs WHERE ended_at < ?)",
            until,
        )
        self.answers.forget_ended_before(until)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def highest(self) -> int:
        """The highest number given out so far; 0 before the first run."""
        query = "SELECT seq FROM sqlite_sequence WHERE name = 'runs'"
        rows = self._file.rows(query)
        return int(rows[0][0]) if rows else 0

    def add(
        self,
        message: Message,
        repo: str,
        folder: Path,
        agent: str,
        prompt: str,
        number: int | None = None,
        continued: int | None = None,
    ) -> int | None:
        """Record the run requested by ``message``; return its number, None if already recorded.

        Without a number it gets the next one. A message may ask for one more run that continues
        another one.

        Raises:
            DataError: It cannot be recorded.
        """
        with self._file.transaction():
            return self._added(message, repo, folder, agent, prompt, number, continued)

    def _added(
        self,
        message: Message,
        repo: str,
        folder: Path,
        agent: str,
        prompt: str,
        number: int | None,
        continued: int | None,
    ) -> int | None:
        sender = message.author
        if message.name:
            query = "INSERT OR REPLACE INTO names VALUES (?, ?)"
            self._file.note(query, sender, message.name[:_LONGEST_NAME])
        key = f"{message.chat_id}\n{sender}\n{message.id}"
        if continued is not None:
            key = f"{key}\n{continued}"
        rows = self._file.change(
            "INSERT INTO runs "
            "(number, chat_id, repo, folder, agent, person, state, queued_at, message_key) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (message_key) DO NOTHING RETURNING number",
            *(number, message.chat_id, repo, str(folder), agent),
            *(sender, State.QUEUED, time.time(), key),
        )
        if not rows:
            return None
        given = int(rows[0][0])
        self._note_details(given, message, prompt)
        return given

    def _note_details(self, number: int, message: Message, prompt: str) -> None:
        sender = message.sender
        self._file.change(
            "INSERT INTO details "
            "(number, message_id, phone, lid, is_own, sent_at, text, prompt, process) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(number, message.id, sender.phone, sender.lid, message.is_own, message.time),
            *(message.text, prompt, self._process),
        )
        self._file.change(all_but_the_latest("details"), _DETAILS_KEPT)
        self._file.change(all_but_the_latest("runs"), _RUNS_KEPT)
        self._file.change("DELETE FROM undone WHERE number < (SELECT min(number) FROM runs)")

    def begin(self, number: int) -> None:
        """Record the start of a run.

        Raises:
            DataError: It cannot be, so the run must not start: it could be started once more.
        """
        self._file.change(
            "UPDATE runs SET state = ?, started_at = ? WHERE number = ?",
            *(State.RUNNING, time.time(), number),
        )

    def note_before(self, number: int, before: str | None) -> None:
        """Record the snapshot from before a run, if there is one."""
        self._note(number, before=before)

    def change(self, number: int, state: State) -> None:
        """Change the state of a run in progress."""
        self._note(number, state=state)

    def end(
        self,
        number: int,
        state: State,
        after: str | None = None,
        usage: Usage | None = None,
        conversation_id: str | None = None,
        answer: str | None = None,
    ) -> None:
        """Record the end of a run, and the answer that is about to be sent.

        The answer comes first, so that no run is over whose chat would not be told.
        """
        cost_usd = usage and usage.cost_usd
        self._file.note(
            "UPDATE details SET conversation_id = ?, tokens = ?, untold = ? WHERE number = ?",
            *(conversation_id, usage and usage.tokens, answer, number),
        )
        self._note(number, state=state, ended_at=time.time(), after=after, cost_usd=cost_usd)
        if answer is not None:
            self.answers.keep(number, answer)
        self.forget_texts()

    def note_untold(self, number: int, text: str) -> None:
        """Record what the chat of a run is about to be told."""
        self._file.note("UPDATE details SET untold = ? WHERE number = ?", text, number)

    def note_told(self, number: int) -> None:
        """Record that the answer of a run was sent."""
        self._file.note("UPDATE details SET untold = NULL WHERE number = ?", number)

    def untold(self) -> list[tuple[Past, str]]:
        """Return the runs of the last day whose answer may not have been sent, with the answer.

        Skips runs of a process that is still running.
        """
        query = "SELECT number, untold FROM details WHERE untold IS NOT NULL"
        answers = dict(self._file.rows(query))
        where = "JOIN details USING (number) WHERE untold IS NOT NULL AND ended_at > ?"
        runs = self._runs(where, time.time() - _UNTOLD_KEPT_S)
        return [(run, answers[run.number]) for run in runs if not self.elsewhere.has(run.number)]

    def cut_off(
        self, notice: Callable[[Past], str], *, with_queued: bool = False
    ) -> list[tuple[Past, str]]:
        """Mark the runs of dead processes as cut off; return them with what the chat is to be told.

        Includes queued runs whose request is no longer recorded.

        Args:
            notice: Returns what the chat of a run is to be told, which is kept until it was.
            with_queued: Include all queued ones: they may have begun since this copy was made.
        """
        where = (
            "WHERE state IN (?, ?, ?) "
            "OR (state = ? AND (? OR number NOT IN (SELECT number FROM details)))"
        )
        began = self._runs(where, *AT_WORK, State.QUEUED, with_queued)
        runs = [(run, notice(run)) for run in began if not self.elsewhere.has(run.number)]
        for run, text in runs:
            self.end(run.number, State.CUT_OFF, answer=text)
        return runs

    def take_queued(self) -> list[Request]:
        """Take over and return the queued runs of dead processes."""
        queued = self._runs("WHERE state = ?", State.QUEUED)
        numbers = [run.number for run in queued if not self.elsewhere.has(run.number)]
        for number in numbers:
            query = "UPDATE details SET process = ? WHERE number = ?"
            self._file.note(query, self._process, number)
        return self._requests(numbers)

    def request(self, number: int) -> Request | None:
        """Return the request for a run, if it is still recorded."""
        return next(iter(self._requests([number])), None)

    def last_unfinished(self, chat_id: str) -> Past | None:
        """Return the latest run of a chat that ended without finishing."""
        where = "WHERE chat_id = ? AND state IN (?, ?, ?, ?, ?) ORDER BY number DESC LIMIT 1"
        states = (State.CUT_OFF, State.FAILED, State.STOPPED, State.LIMITED, State.PARKED)
        return next(iter(self._runs(where, chat_id, *states)), None)

    def run(self, number: int, chat_id: str) -> Past | None:
        """Return a run of this chat."""
        return next(iter(self._runs("WHERE number = ? AND chat_id = ?", number, chat_id)), None)

    def last(self, chat_id: str, limit: int) -> list[Past]:
        """Return the latest runs of a chat, newest first."""
        return self._runs("WHERE chat_id = ? ORDER BY number DESC LIMIT ?", chat_id, limit)

    def latest(self, limit: int) -> list[Past]:
        """Return the latest runs of all chats, newest first."""
        return self._runs("ORDER BY number DESC LIMIT ?", limit)

    def called(self, person: str) -> str:
        """Return the name that a person chose, else the end of their number."""
        rows = self._file.rows("SELECT name FROM names WHERE person = ?", person)
        if rows:
            return str(rows[0][0])
        return f"…{person[-4:]}" if person.startswith("+") else person.partition("@")[0]

    def last_to_undo(self, chat_id: str, repo: str) -> Past | None:
        """Return the last run of a chat in a repo that has begun and was not undone."""
        where = (
            "WHERE chat_id = ? AND repo = ? AND started_at IS NOT NULL "
            "AND number NOT IN (SELECT number FROM undone) ORDER BY number DESC LIMIT 1"
        )
        return next(iter(self._runs(where, chat_id, repo)), None)

    def note_undone(self, number: int) -> None:
        """Note that the files of a run were put back."""
        self._file.note("INSERT OR IGNORE INTO undone VALUES (?)", number)

    def conversations_of_others(self, chat_id: str) -> set[str]:
        """Return the ids of the conversations that only other chats have had."""
        query = (
            "SELECT id, chat_id FROM conversations UNION SELECT conversation_id, chat_id "
            "FROM details JOIN runs USING (number) WHERE conversation_id IS NOT NULL"
        )
        rows = self._file.rows(query)
        own = {str(name) for name, chat in rows if chat == chat_id}
        return {str(name) for name, _chat in rows} - own

    def _runs(self, where: str, *values: object) -> list[Past]:
        rows = self._file.rows(f"SELECT {_COLUMNS} FROM runs {where}", *values)  # noqa: S608
        if self._file.is_complete:
            self._unsaved.clear()
        return [replace(_past(row), **self._unsaved.get(row[0], {})) for row in rows]

    def _note(self, number: int, **columns: Any) -> None:
        """Note these columns of a run; they apply from now on, also while they are not written."""
        if self._file.is_complete:
            self._unsaved.clear()
        self._unsaved.setdefault(number, {}).update(columns)
        changes = ", ".join(f"{name} = ?" for name in columns)
        query = f"UPDATE runs SET {changes} WHERE number = ?"  # noqa: S608 - names of columns
        self._file.note(query, *columns.values(), number)

    def _requests(self, numbers: Iterable[int]) -> list[Request]:
        found = (self._file.rows(f"{_REQUEST} WHERE number = ?", number) for number in numbers)
        return [_request(rows[0]) for rows in found if rows]


def _past(row: tuple[Any, ...]) -> Past:
    return replace(Past(*row), state=State(row[6]))


def _request(row: tuple[Any, ...]) -> Request:
    number, message_id, chat_id, phone, lid, text, sent_at, is_own, repo, agent, prompt = row
    sender = Person(phone, lid)
    message = Message(message_id, chat_id, sender, text, sent_at, is_own=bool(is_own))
    return Request(number, message, repo, agent, prompt)
