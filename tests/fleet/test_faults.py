"""What a chat sees when a worker, or Redis, is away."""

import asyncio
import re

import pytest

from butler.chat.message import Attachment
from butler.errors import TransportError
from butler.testing import make_message


@pytest.fixture(autouse=True)
def quick_heartbeat(mocker):
    """A second in place of fifteen."""
    mocker.patch("butler.fleet.membership.HEARTBEAT_S", 0.3)
    mocker.patch("butler.fleet.membership.TIME_TO_LIVE_S", 1.0)
    mocker.patch("butler.fleet.redis_broker._TTL_MS", 1000)
    mocker.patch("butler.fleet.directory.HEARTBEAT_S", 0.3)
    mocker.patch("butler.fleet.directory.LOOK_EVERY_S", 0.2)


async def die(worker):
    """End a worker as kill -9 does, as far as others can see: it says nothing any more."""
    transport = worker.transport
    for task in list(transport._tasks):
        task.remove_done_callback(transport._note_end)
        task.cancel()
    await asyncio.wait(list(transport._tasks) or [asyncio.create_task(asyncio.sleep(0))])


async def test_a_message_for_a_laptop_that_is_away_is_kept(two, wait_for):
    await two.chat("/use web")
    await two.workers["laptop"].stop()
    await two.online("laptop", is_online=False)

    message = make_message("/run do it")
    two.chat.transport.receive(message)
    said = (await wait_for(two.chat, "has been away since")).reply

    assert re.fullmatch(
        r"laptop has been away since \d\d:\d\d\. I keep this for 15 minutes; /stop drops it\.",
        said.text,
    )
    assert message not in two.chat.transport.acknowledged
    await two.start_worker("laptop", "web", "api")
    await wait_for(two.chat, "Done on laptop.")
    await two.chat.transport.wait_until_acknowledged(message)


async def test_while_a_message_is_kept_the_chat_goes_on(two, wait_for):
    await two.chat("/use web")
    await two.workers["laptop"].stop()
    await two.online("laptop", is_online=False)
    two.chat.transport.receive(make_message("/run do it"))
    await wait_for(two.chat, "I keep this")

    assert (await two.chat("/help repos"))[0].startswith("*/repos")
    assert await two.chat("/stop") == ["Dropped what I kept for laptop: 1 message."]
    assert (await two.chat("/use infra"))[0].startswith("This chat now works on *infra*")


async def test_what_is_dropped_is_not_run_when_the_laptop_is_back(two, wait_for):
    await two.chat("/use web")
    await two.workers["laptop"].stop()
    await two.online("laptop", is_online=False)
    two.chat.transport.receive(make_message("/run do it"))
    await wait_for(two.chat, "I keep this")
    await two.chat("/stop")

    worker = await two.start_worker("laptop", "web", "api")
    await two.chat("/repo")

    assert [done.command for done in worker.records.audit] == ["repo"]


async def test_a_laptop_that_does_not_come_back_is_said(fleet, wait_for):
    await fleet.start_hub("infra", more="whatsapp.max_message_age = '2s'\n")
    await fleet.start_worker("laptop", "web")
    await fleet.chat("/use web")
    await fleet.workers["laptop"].stop()
    await fleet.online("laptop", is_online=False)

    fleet.chat.transport.receive(make_message("/run do it"))

    await wait_for(fleet.chat, "laptop did not come back; nothing was run.")


async def test_use_of_a_repo_on_a_laptop_that_is_away_is_remembered(two):
    await two.workers["laptop"].stop()
    await two.online("laptop", is_online=False)

    (said,) = await two.chat("/use web")

    assert said.startswith("This chat now works on *web* on laptop. laptop has been away since ")
    assert "*laptop* (away): api, web (active)" in (await two.chat("/repos"))[0]


async def test_the_chat_is_told_of_a_laptop_that_dies_in_a_run(two, wait_for, script, run_in):
    script("laptop", {"wait": True})
    await run_in("web", "Run 1 started in")

    await die(two.workers["laptop"])

    await wait_for(
        two.chat,
        "laptop went away during run 1, so I cannot say how far it came. /retry 1 runs it again.",
    )


async def test_a_laptop_that_was_asleep_joins_again_and_its_run_answers(
    two, wait_for, script, run_in
):
    script("laptop", {"ask": {"command": "make"}}, {"say": "Made."})
    await run_in("web", "wants to")
    laptop = two.workers["laptop"]
    membership = laptop.transport._membership
    before = membership.epoch

    two.server.say("DEL", f"{{butler:{two.redis_name}}}:alive:laptop")
    async with asyncio.timeout(20):
        while membership.epoch == before:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.02)
    await two.online("laptop")
    await two.chat("yes")

    await wait_for(two.chat, "Made.")


async def test_an_emptied_redis_loses_no_turn_and_gives_no_number_twice(two, wait_for, run_in):
    await run_in("web", "Done on laptop.")

    two.server.say("FLUSHALL")
    before = len(two.chat.transport.sent)
    await two.chat("/run second")

    began = (await wait_for(two.chat, "started in *web* on laptop", before)).reply.text
    assert int(began.split()[1]) > 1
    await wait_for(two.chat, "Done on laptop.", before)


async def test_a_turn_that_was_begun_by_a_dead_process_is_not_begun_again(two, wait_for):
    await two.chat("/use web")
    laptop = two.workers["laptop"]
    frame = None
    taken = laptop.transport._take_turn

    def note(hub, turn):
        nonlocal frame
        frame = turn
        taken(hub, turn)

    laptop.transport._take_turn = note
    await two.chat("/repo")
    laptop.transport._take_turn = taken
    laptop.transport.turns.forget(frame.id)
    laptop.transport._marks.add(frame.id, 1)
    done = len(laptop.records.audit)

    laptop.transport._take_turn("server", frame)
    await asyncio.sleep(0)

    assert len(laptop.records.audit) == done
    assert laptop.transport._marks.state(frame.id) == 3


@pytest.fixture
def paused(two):
    """Stop Redis as SIGSTOP does, for the rest of the test at most."""
    yield two.server.pause
    two.server.resume()


OUT_OF_REACH = (
    "Redis cannot be reached, and so laptop cannot. I keep this for 15 minutes; /stop drops it."
)


async def test_while_redis_is_away_the_chat_goes_on_and_what_is_for_a_laptop_is_kept(
    two, wait_for, paused
):
    await two.chat("/use web")
    paused()
    message = make_message("/repo")
    two.chat.transport.receive(message)

    await wait_for(two.chat, OUT_OF_REACH)
    assert (await two.chat("/help repos"))[0].startswith("*/repos")
    assert (await two.chat("/use infra"))[0].startswith("This chat now works on *infra*")

    two.server.resume()
    await wait_for(two.chat, "*web* on laptop\n")
    await two.chat.transport.wait_until_acknowledged(message)
    assert not any("has been away" in each.reply.text for each in two.chat.transport.sent)


async def test_what_was_dropped_while_redis_was_away_is_not_begun_after_it(two, wait_for, paused):
    await two.chat("/use web")
    paused()
    two.chat.transport.receive(make_message("/use api"))
    await wait_for(two.chat, OUT_OF_REACH)

    assert await two.chat("/stop") == ["Dropped what I kept for laptop: 1 message."]

    two.server.resume()
    two.chat.transport.receive(make_message("/repo"))
    await wait_for(two.chat, "*web* on laptop\n")
    done = [each.command for each in two.workers["laptop"].records.audit]
    assert done == ["use", "repo"]


async def test_stop_all_stops_the_runs_here_while_redis_is_away(two, script, paused, run_in):
    for machine in ("laptop", "server"):
        script(machine, {"wait": True})
    await run_in("web", "Run 1 started in")
    await run_in("infra", "Run 2 started in")
    paused()

    (said,) = await two.chat("/stop all")

    assert said.startswith("Run 2 stopped after ")
    two.server.resume()
    await two.chat("/stop 1")


async def test_stop_overtakes_what_is_kept_for_the_same_laptop(
    two, wait_for, script, paused, run_in
):
    script("laptop", {"wait": True})
    await run_in("web", "Run 1 started in")
    paused()
    two.chat.transport.receive(make_message("/repo"))
    await wait_for(two.chat, OUT_OF_REACH)
    before = len(two.chat.transport.sent)
    two.chat.transport.receive(make_message("/stop 1"))
    two.server.resume()

    await wait_for(two.chat, "Run 1 stopped after ", before)
    await wait_for(two.chat, "*web* on laptop\n", before)


async def test_a_file_that_does_not_reach_the_laptop_is_asked_for_again(two, mocker, tmp_path):
    mocker.patch("butler.fleet.files._written", side_effect=TransportError("The disk is full."))
    path = tmp_path / "fetched"
    path.write_text("x")
    await two.chat("/use web")

    said = await two.chat("/run look", attachments=(Attachment("document", "x.txt", path=path),))

    assert said == ["The files of that message cannot be had on laptop. Send them again."]


async def test_a_run_whose_number_is_taken_is_not_dropped_without_a_word(two, mocker, run_in):
    await run_in("web", "Done on laptop.")
    mocker.patch("butler.fleet.handed.next_run_number", return_value=1)

    assert await two.chat("/run it") == [
        "Sorry, something went wrong on my side. The log has the details."
    ]
