"""Files of the Butler before this one open, keep what is in them, and go on."""

import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest

from butler.access.grants import StoredGrants
from butler.access.rules import Refusal
from butler.chat.message import Message, Person
from butler.records.sqlite import SqliteRecords
from butler.sessions import Session, SqliteStore
from butler.transports.console.seen import SeenMessages
from butler.transports.whatsapp.journal.database import Journal
from butler.transports.whatsapp.journal.inbox import Key
from butler.transports.whatsapp.journal.outbox import Outcome
from butler_run.history.past import State
from butler_run.history.runs import History

OLD = Path(__file__).with_name("old_databases")
ANNA = Person("+4930111111", "111@lid")
OWNER = "+4930999999"
MESSAGE = Message("m2", "team@g.us", ANNA, "/run", 2e9)


@pytest.fixture
def old(tmp_path):
    """Return the path of a copy of a file of the older Butler."""

    def copy(name):
        return Path(copyfile(OLD / f"{name}.sqlite3", tmp_path / f"{name}.sqlite3"))

    return copy


def test_sessions(old):
    with closing(SqliteStore(old("sessions"))) as store:
        assert sorted(store.all()) == [
            Session("caf\udce9", "web", "/src/caf\udce9", 2e9),
            Session("team@g.us", "api", "/src/api", 2e9),
        ]
        replaced = store.put(Session("caf\udce9", "api", "/src/api", 3e9))
        assert replaced == Session("caf\udce9", "web", "/src/caf\udce9", 2e9)
        assert store.count() == 2


def test_records(old):
    records = SqliteRecords(old("records"))

    (ignored,) = records.last_ignored(9)
    (done,) = records.audit()
    assert ignored[1:] == ("team@g.us", ANNA.phone, "m1", "not allowed", "no owner")
    assert done[1:] == ("team@g.us", ANNA.phone, "m1", "run", "api", "done", "#1")

    records.ignored(MESSAGE, Refusal("too many", "7 of 6"))
    assert records.last_ignored(1)[0].rule == "too many"


def test_grants(old):
    path = old("grants")
    with StoredGrants(path, lambda: 2e9) as grants:
        assert grants.allows_chat("team@g.us")
        assert grants.allows(ANNA)
        assert grants.denies(Person(lid="222@lid"))
        assert grants.announce(Person(lid="333@lid")) is None
        with closing(sqlite3.connect(path)) as db:
            (code,) = db.execute("SELECT code FROM announced").fetchone()
        assert grants.redeem(code) == Person(lid="333@lid")
        grants.allow_chat("other@g.us", OWNER)

    with StoredGrants(path) as grants:
        assert [each.chat_id for each in grants.chats] == ["team@g.us", "other@g.us"]


def test_the_journal(old):
    path = old("journal")
    finished, waiting = (Key(name, "120363@g.us", "800@lid") for name in ("A1", "A2"))
    for _ in range(2):
        with Journal(path) as journal:
            assert [entry.key for entry in journal.inbox.open(0, 9)] == [waiting]
            assert not journal.inbox.add(finished, b"a late duplicate")
            assert journal.inbox.author("A1", "120363@g.us") == "49@s.whatsapp.net"
            assert journal.outbox.outcome("7.1") == Outcome("ID")
            assert journal.outbox.waiting() == [("7.2", b"second")]
            assert journal.people.complete(Person(lid="111@lid")) == ANNA
            assert journal.names.known() == {"120363@g.us": "Team"}


def test_seen_messages_of_the_console(old):
    with closing(SeenMessages(old("console"))) as seen:
        seen.add([("team@g.us", "+4930111111", "m2")])

        assert ("team@g.us", "+4930111111", "m1") in seen
        assert ("team@g.us", "+4930111111", "m2") in seen
        assert ("team@g.us", "+4930111111", "m3") not in seen


def test_the_history_of_runs(old):
    with closing(History(old("runs"))) as history:
        run = history.run(1, "team@g.us")
        assert (run.state, run.repo, run.cost_usd, run.after) == (State.DONE, "api", 0.5, "after")
        assert history.request(1).prompt == "look ? round"
        assert history.chats.conversation("team@g.us", "api", "claude") == "conversation"
        assert history.chats.is_listening("team@g.us")
        assert history.chats.run_of("team@g.us", "m2") == 1

        assert history.add(MESSAGE, "api", Path("/src/api"), "claude", "more \udc80") == 2
        assert history.request(2).prompt == "more ?"
