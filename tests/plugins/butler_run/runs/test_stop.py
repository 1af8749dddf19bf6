"""/stop, whatever the run is at."""

import asyncio

from butler_run.agents.process import process
from butler_run.snapshots.of_run import RunSnapshots

STOPPED = ["Run 1 is stopped; all its processes are dead."]


async def test_a_run_that_is_stopped_while_its_snapshot_is_taken_starts_no_agent(
    chat, script, api, gate, wait_for, answer
):
    script.turns({"write": "made.txt", "content": "made\n"})
    gate.before(RunSnapshots, "begin")
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "Run 1: scripted works in *api*, 0 s")
    await gate.is_reached.wait()

    assert await chat("/stop") == STOPPED
    gate.is_open.set()

    assert (await answer(chat)).reply.text.startswith("It was stopped.\n\nno files changed · ")
    assert not (api / "made.txt").exists()


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

    assert await stopping == STOPPED
    assert (await answer(chat)).reply.text.startswith("It was stopped.")
