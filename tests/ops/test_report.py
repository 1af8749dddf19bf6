import asyncio
import json
import os
import re
import sqlite3
import time

import pytest

from butler.ops import report
from butler.ops.report import status
from butler.ops.reporting import Inside, forget, reporting
from butler.storage.disk import DiskTrouble
from butler.storage.files import locked
from butler.transports.whatsapp import LinkState
from butler.transports.whatsapp.protocol.frames import Health
from butler_process import PATIENCE_S, link_account, run_butler, write_config


@pytest.fixture
def config(tmp_path):
    (tmp_path / "data" / "whatsapp").mkdir(parents=True)
    return write_config(tmp_path)


def lines(config):
    return report.lines(status(config))


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def test_without_a_daemon_status_says_how_to_start_one(config):
    assert lines(config) == [
        "account   not linked; link with: butler pair",
        "daemon    not running; start it with: butler run",
    ]


async def test_while_a_daemon_runs_status_shows_its_link(config, data):
    state = LinkState("disconnected", time.time() - 3_700, "the connection was lost")
    with locked(data / "daemon.lock", "Another Butler"):
        async with reporting(data, lambda: state):
            await asyncio.sleep(0)
            _account, daemon, link, disk = lines(config)

    assert daemon.startswith("daemon    process ")
    assert re.fullmatch(r"disk      [0-9,]+ MB free", disk)
    assert re.fullmatch(
        r"link      disconnected since (\S+ )?\d\d:\d\d \(the connection was lost\)", link
    )


async def test_what_a_daemon_left_behind_is_not_taken_for_what_links_an_account(config, data):
    with locked(data / "daemon.lock", "Another Butler"):
        assert lines(config)[1:] == [
            f"daemon    process {os.getpid()} is starting, or is linking an account"
        ]
        (data / "status.json").write_text(
            '{"process": 1, "started": 0, "link": "connected", "since": 0, "reason": ""}'
        )
        assert lines(config)[1].endswith("is starting, or is linking an account")
        assert len(lines(config)) == 2


@pytest.fixture
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def test_a_link_that_waits_says_since_when_and_when_it_tries_again(config, data, utc, mocker):
    mocker.patch(
        "butler.ops.link_words.time.localtime", side_effect=lambda *_: time.gmtime(*_ or (9e4,))
    )
    state = LinkState("waiting", 89_280.0, "WhatsApp has banned the account.", 92_880.0)
    with locked(data / "daemon.lock", "Another Butler"):
        async with reporting(data, lambda: state):
            await asyncio.sleep(0)
            said = lines(config)[2]
            program = run_butler("status", "--json", "--config", config)

    assert said == (
        "link      waiting since 00:48, tries again at 01:48 (WhatsApp has banned the account.)"
    )
    (shown,) = map(json.loads, program.stdout.splitlines())
    assert (shown["link"], shown["since"], shown["retry_at"]) == (
        *("waiting", "1970-01-02T00:48:00.000Z", "1970-01-02T01:48:00.000Z"),
    )
    assert program.returncode == 1  # no account is linked


async def test_status_fails_where_nothing_runs_or_nothing_is_linked(config, data):
    link_account(data)
    stopped = run_butler("status", "--config", config)
    with locked(data / "daemon.lock", "Another Butler"):
        async with reporting(data, lambda: LinkState("connected", time.time())):
            await asyncio.sleep(0)
            running = run_butler("status", "--config", config)

    assert (stopped.returncode, running.returncode) == (1, 0)


async def test_what_a_daemon_left_behind_is_not_taken_for_one(config, data):
    async with reporting(data, lambda: LinkState("connected", time.time())):
        await asyncio.sleep(0)

    assert lines(config)[1] == "daemon    not running; start it with: butler run"


async def test_why_the_link_was_given_up_is_shown_until_the_account_is_linked_anew(config, data):
    since = time.time() - 61
    states = [LinkState("connected", since), LinkState("ended", since, "Link it again.")]
    async with reporting(data, lambda: states[-1]):
        pass

    assert re.fullmatch(
        r"link      ended since (\S+ )?\d\d:\d\d \(Link it again\.\)", lines(config)[2]
    )

    forget(data)
    assert len(lines(config)) == 2


def test_status_shows_what_waits_and_the_last_messages(config, data):
    db = sqlite3.connect(data / "whatsapp" / "journal.sqlite3")
    db.execute("CREATE TABLE inbox (state TEXT, time REAL)")
    db.execute("CREATE TABLE outbox (state TEXT, time REAL)")
    rows = [("handed", time.time() - 61), ("received", time.time() - 9), ("done", time.time() - 5)]
    db.executemany("INSERT INTO inbox VALUES (?, ?)", rows)
    replies = [("asked", time.time()), ("unknown", time.time()), ("unknown", 1.0)]
    db.executemany("INSERT INTO outbox VALUES (?, ?)", replies)
    db.commit()
    db.close()

    _account, _daemon, backlog, replies, last_in, last_out = lines(config)

    assert backlog == "backlog   2 waiting, the oldest for 1 min 1 s"
    assert replies == "replies   1 waiting, 1 of today may or may not have arrived"
    assert last_in.endswith(" s ago")
    assert last_out == "last out  never"


async def test_status_shows_what_is_not_as_it_should_be(config, data, caplog):
    health = Health(("1@g.us", "2@g.us"), 7, is_deaf=False, clock_ahead_s=40 * 86_400.0)
    state = LinkState("connected", time.time(), health=health)
    known = Inside(30, (f"{data}/grants.sqlite3",))
    with locked(data / "daemon.lock", "Another Butler"):
        async with reporting(data, lambda: state, inside=lambda: known):
            await asyncio.sleep(0)
            shown = lines(config)
            told = json.loads(run_butler("status", "--json", "--config", config).stdout)
            checked = run_butler("check", "--config", config).stdout

    assert shown[3:8] == [
        "messages  7 could not be decrypted",
        "set aside 1@g.us, 2@g.us; they are tried again",
        "records   30 wait to be written",
        f"file lost {data}/grants.sqlite3; put it back, then restart",
        "clock     40 days ahead of WhatsApp's; set it right",
    ]
    assert told["set_aside"] == ["1@g.us", "2@g.us"]
    assert told["waiting_records"] == 30
    assert "40 days ahead of WhatsApp's; set it right" in checked
    assert "the clock of this machine is 40 days ahead of WhatsApp's; set it right" in caplog.text


async def test_a_link_that_is_deaf_says_how_to_make_it_hear(config, data):
    state = LinkState("connected", time.time(), health=Health((), 99, is_deaf=True))
    with locked(data / "daemon.lock", "Another Butler"):
        async with reporting(data, lambda: state):
            await asyncio.sleep(0)
            assert (
                "messages  none can be decrypted; link again: butler unlink, then butler pair"
                in lines(config)
            )


def test_a_journal_that_cannot_be_read_is_said(config, data):
    (data / "whatsapp" / "journal.sqlite3").write_text("no database at all\n" * 100)

    assert lines(config)[-1] == "journal   cannot be read: file is not a database"


async def test_a_status_that_cannot_be_written_is_logged_once_and_written_when_it_can_be(
    data, caplog, mocker
):
    mocker.patch("butler.ops.reporting.REPORT_EVERY_S", 0.01)
    folder = data / "gone"

    async with reporting(folder, lambda: LinkState("connected", 0.0)):
        await asyncio.sleep(0.1)
        folder.mkdir(parents=True)
        async with asyncio.timeout(PATIENCE_S):
            while not (folder / "status.json").exists():  # noqa: ASYNC110 - files set no event
                await asyncio.sleep(0.01)

    assert caplog.text.count("cannot update the status") == 1


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (DiskTrouble("read-only file system"), "cannot be written to (read-only file system)"),
        (DiskTrouble("disk quota exceeded", is_full=True), "is full (disk quota exceeded)"),
    ],
)
async def test_a_disk_that_takes_nothing_is_said_as_the_link_may_be_shown_as_it_was(
    config, data, mocker, trouble, said
):
    mocker.patch("butler.ops.report.disk_trouble", return_value=trouble)
    with locked(data / "daemon.lock", "Another Butler"):
        async with reporting(data, lambda: LinkState("connected", 0.0)):
            await asyncio.sleep(0)
            found = status(config)

    assert report.lines(found)[-1] == (
        f"disk      {said}; until it can be, WhatsApp keeps new messages, "
        "and the link is shown as it was before"
    )
    assert found.fields["disk_problem"] == trouble.reason
    assert not found.is_healthy


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (LinkState("connected", 0.0), 0),
        (LinkState("connected", 0.0, health=Health((), 99, is_deaf=True)), 1),
        (LinkState("disconnected", 0.0, "the connection was lost"), 1),
        (LinkState("ended", 0.0, "logged out"), 1),
    ],
)
async def test_healthy_is_a_link_that_is_up_and_hears(config, data, state, status):
    with locked(data / "daemon.lock", "Another Butler"):
        async with reporting(data, lambda: state):
            await asyncio.sleep(0)
            asked = run_butler("status", "--healthy", "--config", config)

    assert (asked.returncode, asked.stdout, asked.stderr) == (status, "", "")


def test_without_a_daemon_nothing_is_healthy(config):
    assert run_butler("status", "--healthy", "--config", config).returncode == 1
