"""A year of Butler's files: ``python bench/year.py [--days N] [--messages N] [--folder PATH]``.

Plays 365 days of 5,000 messages a day (by default) into everything that Butler keeps in its data
folder, through the code that keeps it, by a clock of its own: the gateway's journal and its marks
of the library's secrets, the records, sessions, runs with their texts and files, the marks of turns
in progress and of a worker, the journal of a hub, the ids of a console, and the log.

Prints the size of each after each quarter. Ends with an error if one grows in the last quarter by
more than a tenth, unless it has a row for each chat. Not played: the snapshots of runs, whose age
is git's business (30 days), and what the library and agents keep of their own.
"""

import argparse
import logging
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from unittest import mock

from butler.access.rules import Refusal
from butler.app import SESSIONS_FILE
from butler.chat.message import Message
from butler.config.loading import Draft
from butler.fleet.journal import Journal as HubJournal
from butler.fleet.journal import Placement
from butler.fleet.marks import Marks
from butler.fleet.marks import State as TurnState
from butler.logs import Target, configure
from butler.ops.disk_use import DiskUse, disk_use
from butler.records.sqlite import SqliteRecords
from butler.sessions import Session, SqliteStore
from butler.storage.files import private_folder
from butler.storage.kept_files import KeptFiles
from butler.testing import make_message
from butler.transports.console.seen import SeenMessages
from butler.transports.whatsapp.account import CREDENTIALS
from butler.transports.whatsapp.daemon.started_marks import StartedMarks
from butler.transports.whatsapp.gateway import secret_pruning
from butler.transports.whatsapp.journal.database import FILE_NAME, Journal
from butler.transports.whatsapp.journal.inbox import Key
from butler_run.agents import Usage
from butler_run.history.past import State
from butler_run.history.runs import FILE_NAME as RUNS_FILE
from butler_run.history.runs import History

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
START_S = 1_800_000_000.0
CHATS = 300
RUNS_A_DAY = 40
PRUNED_A_DAY = 4
FILES_A_DAY = 10
TEXT = "What people and agents say, some three hundred characters of it. " * 5
BY_CHAT = (SESSIONS_FILE,)
"""What has a row for each chat, so that new chats make it grow."""


class Clock:
    """The time of the year that is played."""

    def __init__(self) -> None:
        self.now = START_S

    @contextmanager
    def told(self) -> Iterator[None]:
        """Let everybody go by it."""
        with (
            mock.patch("time.time", self.time),
            mock.patch("time.monotonic", self.since_start),
            mock.patch("time.clock_gettime", self.since_start),
        ):
            yield

    def time(self) -> float:
        """Return it in Unix seconds."""
        return self.now

    def since_start(self, _number: int = 0) -> float:
        """Return the seconds since the start of the machine."""
        return self.now - START_S


class Year:
    """What a Butler keeps, and what happens to it."""

    def __init__(self, folder: Path, clock: Clock, stack: ExitStack) -> None:
        self._clock = clock
        self._folder = private_folder(folder)
        whatsapp = private_folder(folder / "whatsapp")
        fleet = private_folder(folder / "fleet")
        self._journal = stack.enter_context(Journal(whatsapp / FILE_NAME))
        self._credentials = whatsapp / CREDENTIALS
        with closing(sqlite3.connect(self._credentials)) as db:
            db.execute("CREATE TABLE whatsmeow_message_secrets (id TEXT PRIMARY KEY, key BLOB)")
        self._begun = stack.enter_context(closing(StartedMarks(whatsapp / "begun")))
        self._records = SqliteRecords(folder / "records.sqlite3", 50_000_000, 90 * DAY_S)
        self._sessions = stack.enter_context(closing(SqliteStore(folder / SESSIONS_FILE)))
        self._runs = stack.enter_context(closing(History(folder / RUNS_FILE, 90 * DAY_S)))
        self._hub = stack.enter_context(closing(HubJournal(fleet / "desk.sqlite3")))
        self._marks = stack.enter_context(closing(Marks(fleet / "turns")))
        self._seen = stack.enter_context(closing(SeenMessages(folder / "console.sqlite3")))
        self._media = KeptFiles(folder / "media", 7 * DAY_S)
        self._run_files = KeptFiles(folder / "runs", 7 * DAY_S)
        self._random = random.Random(1)  # noqa: S311 - a repeatable year
        self._log = logging.getLogger("butler.year")
        self._count = self._rows = 0

    def play_day(self, messages: int) -> None:
        """Let a day pass."""
        for number in range(messages):
            self._clock.now += DAY_S / messages
            self._play_message()
            if (number + 1) % 100 == 0:
                self._records.flush()
                self._hub.commit()
            if number % (messages // PRUNED_A_DAY or 1) == 0:
                self._prune()
        for _ in range(RUNS_A_DAY):
            self._play_run()
        for name in ("media", "runs"):
            for _ in range(FILES_A_DAY):
                self._play_file(self._folder / name)
        self._prune_secrets(messages)

    def _play_message(self) -> None:
        self._count += 1
        chat, number = f"1203634054{self._random.randrange(CHATS):08}@g.us", self._count
        message = make_message(TEXT, chat, id=f"3EB0{number:016X}")
        inbox = self._journal.inbox
        key = Key(message.id, chat, message.author)
        assert inbox.add(key, TEXT.encode(), author=message.author)
        row = self._rows = self._rows + 1
        inbox.hand([row])
        if number % 5 < 3:
            self._records.ignored(message, Refusal("not a command", "plain text"))
        else:
            self._answer(message, row, f"{row}.1")
        inbox.finish([row])
        self._log.info("message %s of %s, which is in the log as one more line", number, chat)

    def _answer(self, message: Message, row: int, key: str) -> None:
        outbox, turn = self._journal.outbox, f"{self._count:032x}"
        self._begun.add(row, message.id, is_told=True)
        self._marks.add(turn, TurnState.BEGUN)
        self._hub.place(turn, Placement("laptop", "use", "api", "api", "d"), message.chat_id)
        outbox.ask(message.chat_id, [(key, TEXT.encode())])
        outbox.begin(key, message.chat_id)
        outbox.sent(key, f"3EB1{self._count:016X}")
        self._hub.note_sent(message.chat_id, f"3EB1{self._count:016X}", "laptop")
        self._records.done(message, "use", "api", "done")
        self._sessions.put(Session(message.chat_id, "api", "/home/anna/api", self._clock.now))
        self._seen.add([(message.chat_id, message.author, message.id)])
        self._marks.add(turn, TurnState.OVER)
        self._begun.remove(row)

    def _play_run(self) -> None:
        self._count += 1
        message = make_message(TEXT, "team@g.us", id=f"3EB2{self._count:016X}", name="Anna")
        number = self._runs.add(message, "api", Path("/home/anna/api"), "claude", TEXT)
        assert number is not None
        self._runs.begin(number)
        self._runs.contexts.note(f"conversation {number}", Usage(1_000, 0.1))
        self._runs.end(number, State.DONE, answer=TEXT * 10, conversation_id=str(number))
        self._runs.note_told(number)

    def _play_file(self, folder: Path) -> None:
        self._count += 1
        path = private_folder(folder) / f"{self._count}.png"
        path.write_bytes(b"\0" * 20_000)
        os.utime(path, (self._clock.now, self._clock.now))

    def _prune(self) -> None:
        self._journal.prune()
        self._media.prune()
        self._run_files.prune()

    def _prune_secrets(self, messages: int) -> None:
        """Add the library's secret of each message of the day, and prune them once."""
        with closing(sqlite3.connect(self._credentials)) as db, db:
            ids = ((f"{self._clock.now:.0f}.{each}", b"k" * 32) for each in range(messages))
            db.executemany("INSERT INTO whatsmeow_message_secrets VALUES (?, ?)", ids)
        marks = self._journal.secret_marks
        up_to_row = marks.last_before(self._clock.now - secret_pruning.KEEP_S)
        last = secret_pruning.pruned(self._credentials, up_to_row)
        marks.forget(up_to_row)
        marks.note(last)


def play(folder: Path, days: int, messages: int) -> list[dict[str, DiskUse]]:
    """Play the days; return the files after each quarter."""
    config = folder / "config.toml"
    config.write_text('data_dir = "data"\nlog.file = "data/butler.log"\n')
    clock, quarters = Clock(), []
    settings = Draft(config).finish()
    private_folder(settings.data_dir)
    configure(target=Target(is_json=True, file=settings.log.file))
    logging.getLogger().handlers[0].setLevel(logging.CRITICAL)
    with clock.told(), ExitStack() as stack, mock.patch.object(secret_pruning, "_PAUSE_S", 0):
        year = Year(settings.data_dir, clock, stack)
        for day in range(1, days + 1):
            year.play_day(messages)
            if day * 4 % days < 4:
                quarters.append({each.path: each for each in disk_use(settings)})
                shown = sum(each.size for each in quarters[-1].values()) / 1e6
                sys.stderr.write(f"day {day}: {shown:,.1f} MB\n")
    return quarters


def growing(quarters: list[dict[str, DiskUse]]) -> list[str]:
    """Return what has grown in the last quarter by more than a tenth, and by more than 1 MB."""
    before, after = quarters[-2], quarters[-1]
    sizes = {path: (before[path].size if path in before else 0) for path in after}
    return [
        path
        for path, each in after.items()
        if path not in BY_CHAT and each.size > max(sizes[path] * 1.1, sizes[path] + 1_000_000)
    ]


def main() -> None:
    """Play a year and print what it leaves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--messages", type=int, default=5_000, help="a day")
    parser.add_argument("--folder", type=Path, help="where the data folder is made")
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        quarters = play(Path(folder), options.days, options.messages)
    for path, each in sorted(quarters[-1].items(), key=lambda item: -item[1].size):
        sizes = " ".join(
            f"{quarter[path].size / 1e6 if path in quarter else 0:>8.1f}" for quarter in quarters
        )
        print(f"{path:<32}{sizes} MB  {each.limit}")
    print(f"{options.days} days in {time.perf_counter() - began:.0f} s")
    if found := growing(quarters):
        raise SystemExit(f"without limit: {', '.join(found)}")


if __name__ == "__main__":
    main()
