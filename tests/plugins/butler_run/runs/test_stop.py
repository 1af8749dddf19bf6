"""/stop, whatever the run is at."""

import asyncio
import re

import pytest

from butler_run.agents.process import process
from butler_run.runs.progress import Progress
from butler_run.snapshots.of_run import RunSnapshots
from butler_run.snapshots.undo import Changes

UNCHANGED = re.compile(r"Run 1 stopped after \d+ s\. No files changed\.")
ENDED = "Run 1 was stopped, its processes have ended."


@pytest.fixture(autouse=True)
def patient(mocker):
    """Let a stop be answered with what the run has to say, however long that takes here."""
    mocker.patch("butler_run.runs.run.STOPPED_LIMIT_S", 600.0)


async def test_a_run_that_is_stopped_while_its_snapshot_is_taken_starts_no_agent(
    chat, script, api, gate, wait_for, answer, mocker
):
    mocker.patch("butler_run.runs.run.STOPPED_LIMIT_S", 0.0)
    script.turns({"write": "made.txt", "content": "made\n"})
    gate.before(RunSnapshots, "begin")
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "Run 1 started in *api* (Scripted)")
    await gate.is_reached.wait()

    assert await chat("/stop") == [ENDED]
    gate.is_open.set()

    assert UNCHANGED.fullmatch((await answer(chat)).reply.text)
    assert not (api / "made.txt").exists()


async def test_a_stop_is_answered_once_while_the_status_has_to_wait(
    chat, script, gate, wait_for, mocker
):
    mocker.patch("butler_run.runs.run.STATUS_LIMIT_S", 0.0)
    gate.before(Progress, "end")
    script.turns({"wait": True})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "Run 1 started in *api* (Scripted)")

    (said,) = await chat("/stop")
    await gate.is_reached.wait()
    before = len(chat.transport.sent)
    gate.is_open.set()
    ended = await wait_for(chat, "Run 1 in *api*: stopped", before)

    assert UNCHANGED.fullmatch(said)
    assert ended.reply.edits is not None
    assert len(chat.transport.sent) == before + 1


async def test_an_answer_does_not_wait_for_the_status_to_show_the_end(
    chat, script, gate, answer, mocker
):
    mocker.patch("butler_run.runs.run.STATUS_LIMIT_S", 0.0)
    gate.before(Progress, "end")
    script.turns({"say": "Done."})
    await chat("/use api")
    await chat("/run do it")

    assert (await answer(chat)).reply.text.startswith("Done.")
    gate.is_open.set()


async def test_a_run_is_not_called_stopped_while_its_agent_is_still_to_come(
    chat, script, gate, mocker, answer
):
    mocker.patch("butler_run.runs.progress.EDIT_EVERY_S", 0.0)
    gate.before(process.AgentProcess, "connect")
    script.turns({"wait": True})
    await chat("/use api")
    await chat("/run do it")
    await gate.is_reached.wait()
    stopping = asyncio.create_task(chat("/stop"))
    while not any("being stopped" in sent.reply.text for sent in chat.transport.sent):
        await chat.next_reply()

    assert not stopping.done()
    gate.is_open.set()

    (said,) = await stopping
    assert UNCHANGED.fullmatch(said)


@pytest.mark.timeout(30)
async def test_a_protocol_that_waits_for_ever_behind_a_dead_agent_holds_no_stop_up(
    chat, script, mocker, wait_for
):
    async def waits(_connection):
        await asyncio.Event().wait()

    mocker.patch("butler_run.runs.run.LAST_EVENTS_S", 0.1)
    mocker.patch("acp.client.ClientSideConnection.close", waits)
    script.turns({"say": "I begin."}, {"wait": True})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "writing")

    (said,) = await chat("/stop")

    assert said.startswith("I begin.\n\nRun 1 stopped after ")
    await wait_for(chat, "Run 1 in *api*: stopped")


async def test_stop_ends_the_run_at_work_first_and_says_what_waits(chat, script):
    script.turns({"wait": True})
    await chat("/use api")
    await chat("/run first")
    await chat("/run second")

    (said,) = await chat("/stop")
    assert UNCHANGED.match(said)
    assert said.endswith(". 1 more waits: /stop 2, or /stop all.")
    assert (await chat("/stop"))[0].startswith("Run 2 ")
    assert await chat("/stop") == ["Nothing is running in this chat."]


async def test_stop_says_how_many_are_left(chat, script):
    script.turns({"wait": True})
    await chat("/use api")
    for prompt in ("first", "second", "third"):
        await chat(f"/run {prompt}")

    (said,) = await chat("/stop")

    assert said.endswith(" 2 more are left: /stop 2 ends the next, /stop all ends all.")
    (said,) = await chat("/stop all")
    assert said.startswith("2 runs were stopped.")


async def test_stop_all_ends_every_run_of_this_chat_and_no_other(chat, script, wait_for):
    script.turns({"wait": True})
    other = chat.chat("other@g.us")
    await chat("/use api")
    await other("/use web")
    await chat("/run first")
    await other("/run theirs")
    await chat("/run second")

    anna = chat.person("+4930111111")
    (said,) = await anna("/stop all")
    assert re.fullmatch(r"2 runs were stopped\.\n\nRun 1 stopped after .* No files changed\.", said)
    assert await anna("/stop all") == ["Nothing is running in this chat."]
    assert (await other("/stop"))[0].startswith("Run 2 stopped after ")


async def test_stop_everywhere_is_for_owners_and_ends_the_runs_of_all_chats(chat, script):
    script.turns({"wait": True})
    other, anna = chat.chat("other@g.us"), chat.person("+4930111111")
    await chat("/use api")
    await other("/use web")
    await chat("/run first")
    await other("/run theirs")

    assert await anna("/stop everywhere") == [
        "/stop everywhere is for owners only. /stop all stops the runs of this chat."
    ]
    assert await chat("/stop everywhere") == ["2 runs were stopped."]
    assert await chat("/stop everywhere") == ["Nothing is running."]


async def test_stop_takes_a_number_or_a_word(chat):
    (said,) = await chat("/stop now")

    assert "now is not a whole number or one of all, everywhere. Usage: /stop [" in said


@pytest.mark.parametrize("said", ["/stop", "/stop all", "/stop everywhere"])
async def test_stop_overtakes_what_holds_up_the_chat(chat, script, gate, said):
    script.turns({"wait": True})
    await chat("/use api")
    await chat("/run first")
    gate.before(Changes, "shown")
    slow = asyncio.create_task(chat("/diff"))
    await gate.is_reached.wait()

    (answer,) = await chat(said)
    assert answer == "Run 1 was stopped." or UNCHANGED.fullmatch(answer)

    gate.is_open.set()
    await slow


@pytest.mark.parametrize("said", ["/stop", "/stop all"])
async def test_stop_also_ends_a_run_that_was_asked_for_before_and_had_not_its_turn_yet(
    chat, script, api, gate, said
):
    script.turns({"write": "made.txt", "content": "made\n"})
    await chat("/use api")
    gate.before(Changes, "shown")
    slow = asyncio.create_task(chat("/diff"))
    await gate.is_reached.wait()
    asked = asyncio.create_task(chat("/run do it"))
    stopping = asyncio.create_task(chat(said))
    gate.is_open.set()
    await asyncio.gather(slow, asked, stopping)

    while "stopped" not in (await chat("/runs"))[0]:
        await chat.next_reply()
    assert not (api / "made.txt").exists()


async def test_a_stop_is_answered_by_one_message_with_all_there_is_to_say(chat, script, wait_for):
    script.turns({"say": "Half of it."}, {"write": "made.txt", "content": "x\n"}, {"wait": True})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "writing")
    before = len(chat.transport.sent)

    await chat("/stop")
    await wait_for(chat, "Run 1 in *api*: stopped")
    await chat("/runs")

    new = [sent.reply for sent in chat.transport.sent[before:] if sent.reply.edits is None]
    assert re.fullmatch(
        r"Half of it\.\n\nRun 1 stopped after \d+ s\. 1 file \+1 −0 · /diff · /undo",
        new[0].text,
    )
    assert new[0].answers.text == "/stop"
    assert [each.answers.text for each in new] == ["/stop", "/runs"]


async def test_who_stops_a_run_from_elsewhere_does_not_get_the_answer_of_its_chat(
    chat, script, wait_for
):
    script.turns({"wait": True})
    other = chat.chat("other@g.us")
    await other("/use web")
    await other("/run theirs")

    assert await chat("/stop everywhere") == ["Run 1 was stopped."]
    await wait_for(other, "Run 1 stopped after ")
