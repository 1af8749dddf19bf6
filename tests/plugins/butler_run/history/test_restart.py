"""What becomes of runs when Butler ends and starts."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from butler.app import read_setup
from butler.errors import TransportError
from butler.storage.generation import mark_restored
from butler.testing import FakeTransport, open_chat

CUT_OFF = "Butler was stopped while run 1 was working in *api*. /retry 1 runs it again."

OLDER = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id TEXT NOT NULL, repo TEXT NOT NULL, folder TEXT NOT NULL, agent TEXT NOT NULL,
    person TEXT NOT NULL, state TEXT NOT NULL, queued_at REAL NOT NULL,
    started_at REAL, ended_at REAL, cost_usd REAL, before TEXT, after TEXT,
    message_key TEXT NOT NULL UNIQUE
);
INSERT INTO runs (chat_id, repo, folder, agent, person, state, queued_at, message_key) VALUES
    ('team@g.us', 'api', '/src/api', 'scripted', 'the owner', 'running', 1, 'a'),
    ('team@g.us', 'api', '/src/api', 'scripted', 'the owner', 'queued', 2, 'b');
"""


@pytest.fixture
def butler(butler_toml, tmp_path):
    """Start Butler, with a changed configuration if one is given."""

    def started(*change):
        path = tmp_path / "butler.toml"
        path.write_text(butler_toml.replace(*change) if change else butler_toml)
        return open_chat(read_setup(path))

    return started


@pytest.fixture
def cut_off(butler, script, wait_for):
    """Ask Butler for runs of which the first never ends, and end Butler; return the messages."""

    async def ended(*texts, sender="+4915112345678"):
        script.turns({"wait": True})
        async with butler() as owner:
            await owner("/use api")
            chat = owner.person(sender)
            messages = [chat.message(text) for text in texts]
            for message in messages:
                chat.transport.receive(message)
                await chat.transport.wait_until_acknowledged(message)
            await wait_for(chat, "Run 1 started in")
            chat.bot.stop()
        return messages

    return ended


async def test_a_run_that_is_noted_tells_of_its_end_itself(chat, run):
    await chat("/use api")
    await run(chat)

    told = [is_told for message, is_told in chat.transport.begun if message.text == "/run do it"]
    assert told == [True, False]


async def test_a_run_cut_off_by_the_end_of_butler_is_said_and_not_repeated(
    cut_off, butler, wait_for
):
    (message,) = await cut_off("/run do it")

    async with butler() as chat:
        await wait_for(chat, CUT_OFF)
        chat.transport.receive(message)
        await chat.transport.wait_until_acknowledged(message)
        assert (await chat("/runs"))[0].startswith("• 1 *api* cut off, scripted, ")


async def test_that_a_run_was_cut_off_is_said_once(cut_off, butler, wait_for):
    await cut_off("/run do it")
    async with butler() as chat:
        await wait_for(chat, CUT_OFF)

    async with butler() as chat:
        await chat("/runs")

    assert [sent for sent in chat.transport.sent if sent.reply.text == CUT_OFF] == []


async def refused(problem):
    raise problem


@pytest.fixture
def unsent(mocker, butler, script, wait_for):
    """Let a run come to its end, but not its answer to the chat, and end Butler."""

    async def ended(problem):
        gate = asyncio.Event()

        async def send(chat_id, reply):
            if "Done." not in reply.text:
                return await transport_send(chat_id, reply)
            gate.set()
            return await (asyncio.Event().wait() if problem is None else refused(problem))

        async with butler() as chat:
            transport_send = chat.transport.send
            mocker.patch.object(chat.transport, "send", send)
            await chat("/use api")
            await chat("/run do it")
            await gate.wait()
            chat.bot.stop()

    return ended


@pytest.mark.parametrize("problem", [None, TransportError("nobody can say")])
async def test_an_answer_that_was_not_sent_is_told_after_the_restart_once(
    unsent, butler, wait_for, problem
):
    await unsent(problem)
    async with butler() as chat:
        told = await wait_for(chat, "Run 1 in *api* had finished when Butler stopped.")
        assert "In case you missed its answer:\n\nDone.\n\nno files changed" in told.reply.text

    async with butler() as chat:
        await chat("/runs")
        assert not any("was over" in sent.reply.text for sent in chat.transport.sent)


async def test_an_answer_that_cannot_be_told_after_a_restart_is_kept(
    unsent, butler, wait_for, mocker, caplog
):
    await unsent(None)
    sending = mocker.patch.object(FakeTransport, "send", side_effect=TransportError("no network"))
    async with butler():
        pass
    mocker.stop(sending)
    assert "run 1: cannot report its end: no network" in caplog.text

    async with butler() as chat:
        await wait_for(chat, "Run 1 in *api* had finished when Butler stopped.")


async def test_an_answer_that_was_sent_is_not_told_again(butler, answer):
    async with butler() as chat:
        await chat("/use api")
        await chat("/run do it")
        await answer(chat)
        await chat("/runs")

    async with butler() as chat:
        await chat("/runs")
        assert not any("was over" in sent.reply.text for sent in chat.transport.sent)


async def test_the_runs_of_an_older_butler_are_kept(butler, tmp_path, wait_for, run):
    async with butler():
        pass
    (path,) = tmp_path.glob("data/**/runs.sqlite3")
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(OLDER)

    async with butler() as chat:
        await wait_for(chat, CUT_OFF)
        await wait_for(chat, CUT_OFF.replace("1", "2"))
        assert await chat("/retry 2") == [
            "There is no such run to restart in this chat. /runs lists the runs."
        ]
        await chat("/use api")
        await run(chat)
        listed = (await chat("/runs"))[0].split("\n")
        states = [line.split("*")[2].split(",")[0].strip() for line in listed]
        assert states == ["done", "cut off", "cut off"]


async def test_an_answer_is_not_told_after_days(unsent, butler, clock):
    await unsent(None)
    clock.put_forward(2 * 24 * 3600)
    async with butler() as chat:
        await chat("/runs")

    assert not any("was over" in sent.reply.text for sent in chat.transport.sent)


async def test_retry_starts_what_was_cut_off_anew(cut_off, butler, script, answer):
    await cut_off("/run do it")
    script.turns({"say": "Done: {prompt}"})

    async with butler() as chat:
        await chat("/retry")

        assert (await answer(chat)).reply.text.startswith("Done: do it\n")
        assert await chat("/retry 7") == [
            "There is no such run to restart in this chat. /runs lists the runs."
        ]


async def test_a_run_that_is_not_over_is_not_started_anew(chat, script, wait_for):
    script.turns({"wait": True})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "Run 1 started in")

    assert await chat("/retry") == [
        "There is no such run to restart in this chat. /runs lists the runs."
    ]
    assert await chat("/retry 1") == ["Run 1 is still in progress. /stop it, or wait for its end."]
    await chat("/stop")


async def test_a_run_that_was_queued_goes_on(cut_off, butler, script, answer):
    _first, second = await cut_off("/run first", "/run second")
    script.turns({"say": "Done: {prompt}"})

    async with butler() as chat:
        reply = (await answer(chat)).reply

        assert reply.text.startswith("Done: second\n")
        assert (reply.answers.id, reply.answers.sender) == (second.id, second.sender)
        first, second = (await chat("/runs"))[0].split("\n")[::-1]
        assert (" cut off, " in first, " done, " in second) == (True, True)


async def test_a_queued_run_of_somebody_who_may_no_longer_does_not_go_on(cut_off, butler, script):
    await cut_off("/run first", "/run second", sender="+4930111111")
    script.turns({"write": "made.txt", "content": ""})

    async with butler('"team@g.us", ', "") as owner:
        pass

    async with butler() as owner:
        assert all(" cut off, " in line for line in (await owner("/runs"))[0].split("\n"))


async def test_a_queued_run_in_a_repo_that_is_gone_does_not_go_on(cut_off, butler, api, wait_for):
    await cut_off("/run first", "/run second")
    api.rename(api.with_name("moved"))

    async with butler() as chat:
        await wait_for(chat, "Run 2 was queued and cannot start: ")

        assert all(" cut off, " in line for line in (await chat("/runs"))[0].split("\n"))


async def test_a_chat_that_cannot_be_told_keeps_no_other_run_waiting(cut_off, butler, api, mocker):
    await cut_off("/run first", "/run second", "/run third")
    api.rename(api.with_name("moved"))
    sending = mocker.patch.object(FakeTransport, "send", side_effect=TransportError("no network"))
    async with butler():
        pass
    mocker.stop(sending)

    async with butler() as chat:
        listed = (await chat("/runs"))[0].split("\n")
        assert [" cut off, " in line for line in listed] == [True] * 3


async def test_a_second_butler_leaves_the_runs_of_the_first_alone(butler, script, mocker):
    script.turns({"wait": True})
    mocker.patch("butler_run.history.runs.os.getpid", return_value=os.getppid())
    async with butler() as chat:
        await chat("/use api")
        await chat("/run one")
        await chat("/run two")
        mocker.stopall()
        async with butler() as second:
            listed = (await second("/runs"))[0]
            assert (" queued, " in listed, "cut off" in listed) == (True, False)
        await chat("/stop")
        await chat("/stop")


async def test_a_run_whose_process_id_is_another_process_by_now_is_cut_off(
    butler, script, mocker, wait_for
):
    another = f"{os.getppid()} 1 of-an-earlier-boot"
    mocker.patch("butler_run.history.runs.name_of", return_value=another)
    script.turns({"wait": True})
    async with butler() as chat:
        await chat("/use api")
        await chat("/run do it")
        await wait_for(chat, "Run 1 started in")
        chat.bot.stop()
    mocker.stopall()

    async with butler() as chat:
        await wait_for(chat, CUT_OFF)


def test_no_process_of_a_run_survives_butler_being_killed(butler_toml, tmp_path, script, is_alive):
    (tmp_path / "butler.toml").write_text(butler_toml)
    pid_file = tmp_path / "pid"
    deaf = {"ignore_signals": ["SIGINT", "SIGTERM"]}
    script.turns(deaf, {"fork": {"pid_file": str(pid_file)}}, {"wait": True})
    command = [sys.executable, "-m", "butler", "console", "--jsonl"]
    with subprocess.Popen(
        [*command, "--config", str(tmp_path / "butler.toml")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as butler:
        for text in ("/use api", "/run do it"):
            line = json.dumps({"chat": "team@g.us", "text": text})
            butler.stdin.write(line.encode() + b"\n")
            butler.stdin.flush()
        while not pid_file.exists():
            os.sched_yield()

        butler.kill()
        butler.stdin.close()
        butler.stdout.read()

    while is_alive(int(pid_file.read_text())):
        time.sleep(0)


async def test_what_is_queued_in_a_copy_that_was_put_back_is_asked_about_and_not_started(
    butler, script, cut_off, tmp_path, wait_for, mocker
):
    await cut_off("/run first", "/run second")
    mark_restored(tmp_path / "data")
    script.turns({"write": "made.txt", "content": "again"})

    async with butler() as chat:
        await wait_for(chat, "was stopped while run 2 was working")

    assert not (tmp_path / "api" / "made.txt").exists()


async def test_a_run_that_was_cut_off_is_said_by_the_next_butler_if_this_one_is_killed_before(
    cut_off, butler, wait_for, mocker
):
    await cut_off("/run do it")
    sending = mocker.patch.object(FakeTransport, "send", side_effect=TransportError("killed"))
    async with butler():
        pass
    mocker.stop(sending)

    async with butler() as chat:
        await wait_for(chat, CUT_OFF)


async def test_that_a_queued_run_cannot_start_is_said_by_the_next_butler_if_it_was_not_sent(
    cut_off, butler, api, wait_for, mocker
):
    await cut_off("/run first", "/run second")
    api.rename(api.with_name("moved"))
    sending = mocker.patch.object(FakeTransport, "send", side_effect=TransportError("killed"))
    async with butler():
        pass
    mocker.stop(sending)

    async with butler() as chat:
        await wait_for(chat, "Run 2 was queued and cannot start: ")
