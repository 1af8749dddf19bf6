"""A run database that is locked, full or damaged while agents work."""

import asyncio
import sqlite3
from contextlib import closing, contextmanager

import pytest

from butler.app import read_setup
from butler.errors import LastingDataError
from butler.testing import open_chat
from butler_process import PATIENCE_S
from butler_run.history.runs import FILE_NAME

WRITE = {"ask": {"path": "made.txt", "old": None, "new": "made\n"}}
LOCKED = "another process keeps the database locked"


@pytest.fixture(autouse=True)
def impatient(mocker):
    """Wait no second for a lock, but try again soon."""
    mocker.patch("butler.storage.files.PATIENCE_S", 0.01)
    mocker.patch("butler_run.history.file.RETRY_S", 0.05)


@pytest.fixture
def locked(tmp_path):
    """Lock the run database against everybody else who writes."""

    @contextmanager
    def held():
        with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
            db.execute("ROLLBACK")

    return held


@pytest.fixture
def states(tmp_path):
    """Return the states of all runs on disk."""

    def read():
        with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME)) as db:
            return [state for (state,) in db.execute("SELECT state FROM runs ORDER BY number")]

    return read


async def _become(states, *wanted):
    async with asyncio.timeout(PATIENCE_S):
        while states() != list(wanted):  # noqa: ASYNC110 - a thread sets no event
            await asyncio.sleep(0.02)


async def test_an_answer_that_cannot_be_noted_reaches_the_chat_and_is_noted_later(
    chat, script, locked, states, wait_for, answer, tmp_path, caplog
):
    script.turns({"pause": 0.2}, {"say": "All done."})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "Run 1 started in")
    with locked():
        said = (await answer(chat)).reply.text
        on_disk = states()
        (listed,) = await chat("/runs")
        (refused,) = await chat("/run again")
    await _become(states, "done")

    assert said.startswith("All done.")
    assert on_disk == ["running"]
    assert "• 1 *api* done, scripted" in listed
    assert LOCKED in refused
    assert sum("notes on runs wait in memory" in each.message for each in caplog.records) == 1
    assert await chat("/retry 1") == []


async def test_a_question_is_asked_and_answered_though_nothing_can_be_noted(
    chat, script, api, locked, states, wait_for, answer
):
    script.turns({"pause": 0.2}, WRITE)
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "Run 1 started in")
    with locked():
        await wait_for(chat, "1 or 👍 yes")
        assert await chat("yes") == []
        await answer(chat)
    await _become(states, "done")

    assert (api / "made.txt").exists()


async def test_a_run_whose_start_cannot_be_recorded_does_not_start(
    chat, script, locked, states, wait_for, api
):
    script.turns({"pause": 0.2}, {"write": "one.txt", "content": "1"})
    await chat("/use api")
    await chat("/run first")
    await wait_for(chat, "Run 1 started in")
    assert await chat("/run second") == ["Run 2 is queued #2, after run 1 in this chat."]
    with locked():
        said = await wait_for(chat, "Run 2 did not start")
    await _become(states, "done", "failed")

    assert said.reply.text == (
        f"Run 2 did not start, as its start cannot be recorded: {LOCKED}. /retry 2 runs it again."
    )


async def test_while_nothing_can_be_recorded_no_run_starts_and_only_no_is_an_answer(
    chat, script, api, wait_for, answer
):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/chat on")
    await chat("/run do it")
    await wait_for(chat, "1 or 👍 yes")
    chat.records.problem = "the disk is full"

    for text in ("/run more", "yes"):
        (said,) = await chat(text)
        assert "I cannot record what I do (the disk is full)" in said
    assert await chat("no") == []
    await answer(chat)
    assert "I cannot record" in (await chat("do more"))[0]
    assert not (api / "made.txt").exists()
    assert (await chat("/runs"))[0].startswith("• 1 *api* done")
    assert len(await chat("/repo")) == 1


async def test_what_is_noted_when_butler_ends_is_written_then(
    butler_toml, script, locked, states, wait_for, answer, tmp_path, mocker
):
    mocker.patch("butler_run.history.file.RETRY_S", 3600.0)
    (tmp_path / "butler.toml").write_text(butler_toml)
    script.turns({"pause": 0.2}, {"say": "All done."})
    async with open_chat(read_setup(tmp_path / "butler.toml")) as chat:
        await chat("/use api")
        await chat("/run do it")
        await wait_for(chat, "Run 1 started in")
        with locked():
            await answer(chat)

    assert states() == ["done"]


async def test_a_damaged_run_database_is_one_sentence_with_the_file_and_the_way_out(
    butler_toml, tmp_path
):
    (tmp_path / "butler.toml").write_text(butler_toml)
    async with open_chat(read_setup(tmp_path / "butler.toml")):
        pass
    path = tmp_path / "data" / FILE_NAME
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)

    with pytest.raises(LastingDataError) as refused:
        async with open_chat(read_setup(tmp_path / "butler.toml")):
            pass

    assert str(refused.value) == (
        f"{path} cannot be used: the database is damaged; restore a copy or move it away."
    )
