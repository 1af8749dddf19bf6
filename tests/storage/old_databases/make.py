"""Make the files of this folder with the Butler that is checked out: see README.md."""

import sys
from pathlib import Path

from butler.grants import StoredGrants
from butler.message import Message, Person
from butler.sqlite_records import SqliteRecords
from butler.transports.handled import HandledMessages
from butler.transports.whatsapp.inbox import Key

from butler.access import Refusal
from butler.sessions import SessionManager, SqliteStore
from butler.transports.whatsapp.journal import Journal
from butler_run.agents import Usage
from butler_run.history import History, State

OWNER = "+4930999999"
MESSAGE = Message(
    "m1", "team@g.us", Person("+4930111111", "111@lid"), "/run look \udc80 round", 2e9
)
KEY = Key("A1", "120363@g.us", "800@lid")


def make(folder: Path) -> None:
    with SessionManager(SqliteStore(folder / "sessions.sqlite3"), clock=lambda: 2e9) as sessions:
        sessions.set_active_repo("team@g.us", "api", "/src/api")
        sessions.set_active_repo("caf\udce9", "web", "/src/caf\udce9")

    records = SqliteRecords(folder / "records.sqlite3")
    records.ignored(MESSAGE, Refusal("not allowed", "no owner"))
    records.done(MESSAGE, "run", "api", "done", "#1")
    records.flush()

    with StoredGrants(folder / "grants.sqlite3", lambda: 2e9) as grants:
        grants.allow_chat("team@g.us", OWNER)
        grants.decide(MESSAGE.sender, is_allowed=True, by=OWNER)
        grants.decide(Person(lid="222@lid"), is_allowed=False, by=OWNER)
        grants.announce(Person(lid="333@lid"))

    with Journal(folder / "journal.sqlite3") as journal:
        journal.inbox.add(KEY, b"event", author="49@s.whatsapp.net")
        journal.inbox.add(KEY._replace(message_id="A2"), b"another")
        journal.inbox.finish([1])
        journal.outbox.ask("120363@g.us", [("7.1", b"first"), ("7.2", b"second")])
        journal.outbox.begin("7.1", "120363@g.us")
        journal.outbox.sent("7.1", "ID")
        journal.people.complete(Person("+4930111111", "111@lid"))
        journal.names.note_asked("120363@g.us")
        journal.names.keep("120363@g.us", "Team")

    handled = HandledMessages(folder / "console.sqlite3")
    handled.add([("team@g.us", "+4930111111", "m1")])
    handled.close()

    history = History(folder / "runs.sqlite3")
    number = history.add(MESSAGE, "api", Path("/src/api"), "claude", "look \udc80 round")
    assert number is not None
    history.begin(number)
    history.end(number, State.DONE, "after", Usage(7, 0.5), "conversation", "an answer")
    history.chats.keep_conversation("team@g.us", "api", "claude", "conversation")
    history.chats.set_listening("team@g.us", is_listening=True)
    history.chats.note_message("team@g.us", "m2", number)
    history.close()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
