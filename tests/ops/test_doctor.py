import asyncio
import os
import subprocess
import sys
import tempfile
import time

import pytest

from butler.app import read_setup
from butler.ops import doctor
from butler.ops.doctor import cured, diagnoses
from butler.ops.reporting import reporting
from butler.storage.files import locked
from butler.transports.whatsapp import LinkState
from butler_process import link_account, run_butler, write_config


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "data").mkdir(mode=0o700)
    return write_config(tmp_path)


@pytest.fixture
def data(config):
    return config.parent / "data"


def found(config, subject):
    return [each for each in diagnoses(read_setup(config)) if each.finding.subject == subject]


def the(config, subject):
    (only,) = found(config, subject)
    return only


@pytest.fixture
def dead_process():
    """The id of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_files_that_others_may_read_are_named_and_closed(config, data):
    (data / "records.sqlite3").touch(mode=0o600)
    (data / "records.sqlite3").chmod(0o644)

    diagnosis = the(config, "permissions")

    assert f"others on this machine may read {data / 'records.sqlite3'}" in diagnosis.finding.detail
    assert cured(diagnosis).is_fine
    assert (data / "records.sqlite3").stat().st_mode & 0o777 == 0o600
    assert not found(config, "permissions")


def test_sockets_of_ended_processes_are_removed_and_others_stay(config, data, dead_process):
    (data / "control").mkdir(mode=0o700)
    for process in (dead_process, os.getpid()):
        (data / "control" / f"{process}.sock").touch(mode=0o600)

    diagnosis = the(config, "socket")
    cured(diagnosis)

    assert [path.name for path in (data / "control").iterdir()] == [f"{os.getpid()}.sock"]


def test_half_a_backup_is_removed_unless_it_is_being_made(config, data):
    (data / "backup").mkdir(mode=0o700)
    (data / "backup" / "packed").touch(mode=0o600)
    with locked(data / "backup.lock", "Another backup"):
        assert not found(config, "backup")

    cured(the(config, "backup"))

    assert not (data / "backup").exists()


def test_a_database_that_was_put_aside_is_named_and_stays(config, data):
    (data / "runs.sqlite3.old").touch(mode=0o600)
    (data / "runs.sqlite3-wal").touch(mode=0o600)

    diagnosis = the(config, "old database")

    assert str(data / "runs.sqlite3.old") in diagnosis.finding.detail
    assert cured(diagnosis) == diagnosis.finding
    assert (data / "runs.sqlite3.old").exists()


def test_a_temporary_folder_of_yesterday_is_removed_and_one_of_today_stays(config):
    folder = config.parent / "temporary"
    for name in ("butler-run-old", "butler-run-new", "other"):
        (folder / name).mkdir()
    for name in ("butler-run-old", "other"):
        os.utime(folder / name, (time.time() - 90_000,) * 2)

    cured(the(config, "folder"))

    assert {path.name for path in folder.iterdir()} == {"butler-run-new", "other"}


def test_a_cure_that_fails_is_one_sentence(config, data, dead_process):
    (data / "control").mkdir(mode=0o700)
    path = data / "control" / f"{dead_process}.sock"
    path.touch(mode=0o600)
    diagnosis = the(config, "socket")
    path.unlink()

    assert cured(diagnosis).detail == "cannot be mended: No such file or directory"


def test_a_linked_account_without_a_daemon_is_a_problem(config, data):
    link_account(data)

    assert the(config, "daemon").finding.detail == "not running; start it with: butler run"


@pytest.mark.parametrize(
    ("name", "is_fine", "said"),
    [("connected", True, "connected for 1 h"), ("disconnected", False, "disconnected for 1 h")],
)
async def test_the_age_of_the_link_is_said(config, data, name, is_fine, said):
    link_account(data)
    state = LinkState(name, time.time() - 3_605)
    with locked(data / "daemon.lock", "Another Butler"):
        async with reporting(data, lambda: state):
            finding = (await asyncio.to_thread(the, config, "link")).finding

    assert finding.is_fine == is_fine
    assert finding.detail.startswith(said)


def test_doctor_says_what_it_mended_and_what_only_a_person_can(config, data):
    (data / "backup").mkdir(mode=0o700)
    (data / "backup" / "packed").touch(mode=0o600)

    looked = run_butler("doctor", "--config", config)
    fixed = run_butler("doctor", "--fix", "--config", config)
    again = run_butler("doctor", "--config", config)

    assert "butler doctor --fix removes it" in looked.stdout
    assert "mended: " in fixed.stdout
    assert "backup" not in again.stdout
    assert "whatsapp" in again.stdout
    assert looked.returncode == fixed.returncode == again.returncode == 2


@pytest.mark.parametrize(
    ("usual_s", "word", "said"),
    [
        (0.0, "ok", "WhatsApp takes less than 0.01 s to acknowledge a reply"),
        (0.04, "ok", "WhatsApp takes 0.04 s to acknowledge a reply"),
        (3.5, "note", "WhatsApp takes 3.5 s to acknowledge a reply; all replies wait for that"),
    ],
)
def test_how_long_acknowledgements_take_is_said(usual_s, word, said):
    (finding,) = doctor._acknowledgements(usual_s)

    assert finding.word == word
    assert finding.detail.startswith(said)


def test_nothing_is_said_of_acknowledgements_before_there_was_one():
    assert [*doctor._acknowledgements(None)] == []
