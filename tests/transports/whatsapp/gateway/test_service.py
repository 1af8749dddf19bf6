"""The gateway process on its own: what it needs, and when it ends."""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from neonize.proto.Neonize_pb2 import ConnectFailure, PairStatus, TemporaryBan

from butler.errors import DataError, TransportError
from butler.transports.whatsapp import linked_account
from butler.transports.whatsapp.account import Account, read_account
from butler.transports.whatsapp.daemon import process
from butler.transports.whatsapp.gateway import exit_reasons, installation
from butler.transports.whatsapp.gateway.send_errors import Failure, failure
from butler.transports.whatsapp.protocol.frames import Ended, Options, Qr, Send
from library_events import filled
from whatsapp_daemon import eventually


async def _end(options):
    async with process.gateway(options) as gateway:
        return [frame async for frame in gateway.frames()]


async def test_a_damaged_journal_is_said_and_left(tmp_path):
    journal = tmp_path / "journal.sqlite3"
    journal.write_bytes(b"no database " * 500)

    (ended,) = await _end(Options(str(tmp_path), "Butler"))

    assert isinstance(ended, Ended)
    assert ended.is_final
    assert ended.sentence.startswith(f"The journal {journal} is damaged: ")
    assert journal.read_bytes() == b"no database " * 500


async def test_damaged_credentials_are_said_with_the_way_out_before_the_library_opens_them(
    tmp_path,
):
    _credentials(tmp_path, *[(f"{number}:3@s.whatsapp.net", None) for number in range(2_000)])
    path = tmp_path / "credentials.sqlite3"
    content = bytearray(path.read_bytes())
    content[4_096 * 3 : 4_096 * 3 + 64] = bytes(64)
    path.write_bytes(content)

    (ended,) = await _end(Options(str(tmp_path), "Butler"))

    assert ended.is_final
    assert ended.sentence.startswith(f"The WhatsApp credentials in {path} are damaged (")
    assert ended.sentence.endswith("Link the account again: butler unlink, then butler pair")


async def test_a_folder_that_cannot_be_used_is_said(tmp_path):
    (tmp_path / "file").touch()

    (ended,) = await _end(Options(str(tmp_path / "file"), "Butler"))

    assert ended.sentence == f"{tmp_path / 'file'} is not a folder."


async def test_without_an_account_there_is_nothing_to_serve(tmp_path):
    assert await _end(Options(str(tmp_path), "Butler")) == [exit_reasons.NOT_LINKED]


async def test_a_folder_that_has_vanished_is_not_made_again(tmp_path):
    folder = tmp_path / "gone"

    (ended,) = await _end(Options(str(folder), "Butler"))

    assert not ended.is_final
    assert ended.sentence.startswith(f"The folder {folder} has vanished. Once you have put it back")
    assert not folder.exists()


async def test_a_gateway_that_is_not_greeted_ends(tmp_path):
    assert await _end(Send("k", "1@lid", "text")) == []


async def test_a_gateway_that_does_not_understand_its_daemon_ends(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(process, "encoded", lambda _frame: b"\0\0\0\4junk")

    assert await _end(Options(str(tmp_path), "Butler")) == []
    assert "the daemon sent an invalid frame" in caplog.text


@pytest.mark.wire
async def test_a_gateway_ends_when_its_daemon_is_killed(server, tmp_path):
    code = (
        "import asyncio, sys\n"
        "from butler.transports.whatsapp.protocol.frames import Options\n"
        "from butler.transports.whatsapp.daemon.process import gateway\n"
        "async def hold():\n"
        "    async with gateway(Options(sys.argv[1], 'Butler', is_pairing=True)) as process:\n"
        "        print(process.id, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(hold())\n"
    )
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    gateway = int(await daemon.stdout.readline())
    await server.timeline.wait("pairing-offered")
    daemon.kill()
    await daemon.wait()

    await eventually(lambda: _is_gone(gateway))


def _is_gone(process_id):
    try:
        os.kill(process_id, 0)
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return True
    return state == "Z"


@pytest.fixture
def no_imports_left_behind(monkeypatch):
    monkeypatch.setitem(sys.modules, "neonize.download", None)


def test_a_neonize_without_its_library_is_said_before_it_downloads_one(
    monkeypatch, no_imports_left_behind
):
    monkeypatch.setattr(installation.platform, "machine", lambda: "riscv64")

    with pytest.raises(TransportError, match=r"neonize-linux-riscv64\.so is missing"):
        installation.check()


def test_neonize_missing_is_said(monkeypatch, no_imports_left_behind):
    monkeypatch.setattr(installation.importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(TransportError, match="neonize is not installed"):
        installation.check()


def test_nothing_is_ever_downloaded(no_imports_left_behind):
    installation.check()

    with pytest.raises(RuntimeError, match="does not match"):
        sys.modules["neonize.download"].download()
    assert find_spec("neonize") is not None


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        ("websocket not connected", Failure.OFFLINE),
        ("server returned error 479", Failure.STALE),
        ("server returned error 463", Failure.REFUSED),
        ("failed to upload: 500", Failure.REFUSED),
        ("timed out waiting for message send response", Failure.UNKNOWN),
        ("something new", Failure.UNKNOWN),
    ],
)
def test_when_in_doubt_a_reply_may_have_arrived(error, meaning):
    assert failure(error) is meaning


def test_every_state_of_linking_that_ends_it_has_a_sentence():
    assert exit_reasons.linking("success") is None
    assert exit_reasons.linking("timeout").rule == "timeout"
    assert "passkey" in exit_reasons.linking("passkey-request").sentence
    assert exit_reasons.linking("err-client-outdated").rule == "outdated"
    assert exit_reasons.linking("err-unexpected-state").is_final
    failed = filled(PairStatus(Status=PairStatus.ERROR, Error="too many devices"))
    assert "too many devices" in exit_reasons.pairing(failed.SerializeToString()).sentence
    linked = filled(PairStatus(Status=PairStatus.SUCCESS))
    assert exit_reasons.pairing(linked.SerializeToString()) is None
    assert exit_reasons.no_code("429").sentence == "WhatsApp gave no pairing code: 429."


def test_a_ban_and_a_refusal_say_when_it_is_tried_again():
    ban = TemporaryBan(Code=TemporaryBan.BLOCKED_BY_USERS, Expire=3_600)
    refusal = filled(ConnectFailure(Message="go away"))

    assert exit_reasons.banned(ban.SerializeToString()).wait_s == 3_600
    assert "for 1 h, because too many people" in (
        exit_reasons.banned(ban.SerializeToString()).sentence
    )
    assert exit_reasons.refused(refusal.SerializeToString()).sentence == (
        "WhatsApp has refused the login (go away)."
    )


def _credentials(folder, *rows):
    with closing(sqlite3.connect(folder / "credentials.sqlite3")) as db, db:
        db.execute("CREATE TABLE whatsmeow_device (jid TEXT, lid TEXT)")
        db.executemany("INSERT INTO whatsmeow_device VALUES (?, ?)", rows)
    db.close()


def test_the_linked_account_is_read_from_its_credentials(tmp_path):
    assert linked_account(tmp_path) is None

    _credentials(tmp_path, ("15550100000:3@s.whatsapp.net", "900:3@lid"))

    assert linked_account(tmp_path) == "+15550100000"
    assert read_account(tmp_path) == Account("+15550100000", "900@lid", 3)


@pytest.mark.parametrize("rows", [[], [("nobody", None)]])
def test_credentials_without_an_account_have_none(tmp_path, rows):
    _credentials(tmp_path, *rows)

    assert linked_account(tmp_path) is None


def test_credentials_of_an_old_account_may_lack_the_lid(tmp_path):
    _credentials(tmp_path, ("15550100000.0:3@s.whatsapp.net", None))

    assert read_account(tmp_path) == Account("+15550100000", None, 3)


def test_empty_and_broken_credentials_are_told_apart(tmp_path):
    path = tmp_path / "credentials.sqlite3"
    path.touch()
    assert linked_account(tmp_path) is None

    path.write_bytes(b"no database " * 100)

    with pytest.raises(DataError, match="cannot be read"):
        linked_account(tmp_path)


@pytest.mark.wire
async def test_sigterm_ends_a_gateway_at_once(server, tmp_path):
    async with process.gateway(Options(str(tmp_path), "Butler", is_pairing=True)) as gateway:
        frames = gateway.frames()
        assert isinstance(await anext(frames), Qr)
        os.kill(gateway.id, signal.SIGTERM)
        assert [frame async for frame in frames if not isinstance(frame, Qr)] == []
