"""A worker obeys its own configuration, whatever its hub says; bounds hold; "stop" overtakes."""

import asyncio

import pytest

from butler.access.rules import Role
from butler.errors import TransportError
from butler.fleet.blobs import MAX_BYTES, loaded, stored
from butler.fleet.broker import Pushed
from butler.fleet.frames import Turn
from butler.fleet.wire import Address, seal
from butler.testing import make_message

ASK = {"ask": {"command": "make"}}
KEY = b"key of laptop".ljust(32, b".")
QUIET = "machine.repos = ['web']\n"


def order(fleet, text, command, argument, repo=None):
    """Send a worker a turn of the hub's that its own code would not send."""
    transport = fleet.workers["laptop"].transport
    message = make_message(text)
    may = ("use", "run", "repo", "mode", "agent")
    turn = Turn("cd" * 16, message, Role.OWNER, command, argument, may, 600.0, repo)
    epoch = transport._membership.epoch
    address = Address("server", "to:laptop", fleet.hub._life, epoch, transport._life, 10**6)
    envelope = seal(KEY, address, [turn])
    fleet.server.say("XADD", f"{{butler:{fleet.redis_name}}}:to:laptop", "*", "e", envelope)


@pytest.mark.parametrize(
    ("text", "command", "argument", "repo"),
    [
        ("/use api", "use", "api", None),
        ("/repo", "repo", "", "api"),
        ("/run it", "run", "it", "api"),
    ],
)
async def test_a_repo_that_the_laptop_does_not_share_is_not_used_whatever_the_hub_orders(
    fleet, wait_for, text, command, argument, repo
):
    await fleet.start_hub("infra")
    laptop = await fleet.start_worker("laptop", "web", "api", more=QUIET)
    await fleet.chat("/use web")
    before = len(fleet.chat.transport.sent)

    order(fleet, text, command, argument, repo)
    said = await wait_for(fleet.chat, "", before)

    assert said.reply.text.startswith(("No repo called api.", "This chat has no active repo."))
    assert [each.result for each in laptop.records.audit] == ["done", "refused"]


async def test_a_mode_above_that_of_the_laptop_is_refused(fleet):
    await fleet.start_hub("infra", more="repos.web.mode = 'bypass'\nrepos.web.path = '.'\n")
    await fleet.start_worker("laptop", "web", more="repos.web.mode = 'plan'\n")
    await fleet.chat("/use laptop/web")

    for mode in ("ask", "edits", "bypass"):
        (said,) = await fleet.chat(f"/mode {mode}")
        assert said.startswith("*web* allows at most plan.")


async def test_an_agent_that_the_laptop_does_not_allow_is_refused_whatever_the_hub_orders(
    fleet, wait_for
):
    await fleet.start_hub("infra")
    await fleet.start_worker("laptop", "web", more="repos.web.agents = ['scripted']\n")
    await fleet.chat("/use web")

    order(fleet, "/agent codex", "agent", "codex", "web")

    await wait_for(fleet.chat, "codex may not work in *web*. Agents that may: scripted.")


async def test_a_full_stream_takes_no_more_and_loses_no_turn(two, mocker):
    mocker.patch("butler.fleet.redis_broker.MOST_WAITING", 3)
    broker, stream = two.hub._broker, f"{{butler:{two.redis_name}}}:to:phone"
    for _ in range(3):
        assert await broker.push_to_worker("phone", None, b"envelope") is Pushed.DONE
    assert await broker.push_to_worker("phone", None, b"envelope") is Pushed.FULL
    assert two.server.say("XLEN", stream) == 3

    said = await asyncio.gather(*(two.chat.chat("team@g.us")(f"/use {each}") for each in "ab"))
    assert [each[0].startswith("No repo called") for each in said] == [True, True]
    assert (await two.chat("/use web"))[0].startswith("This chat now works on *web*")


async def test_a_document_beyond_the_limit_is_refused_and_others_go_after_ten_minutes(two):
    broker = two.hub._broker
    with pytest.raises(TransportError, match=r"16,777,217 bytes was not sent; 16,777,216 is"):
        await stored(broker, "x" * (MAX_BYTES + 1))

    blob = await stored(broker, "y" * 100_000)
    left_ms = two.server.say("PTTL", f"{{butler:{two.redis_name}}}:{blob.key}")

    assert await loaded(broker, blob) == "y" * 100_000
    assert 590_000 < left_ms <= 600_000
    two.server.say("SET", f"{{butler:{two.redis_name}}}:{blob.key}", "altered")
    with pytest.raises(TransportError, match="altered on its way"):
        await loaded(broker, blob)
    two.server.say("DEL", f"{{butler:{two.redis_name}}}:{blob.key}")
    with pytest.raises(TransportError, match="kept for ten minutes only"):
        await loaded(broker, blob)


@pytest.fixture
def stuck(two, mocker):
    """Let the next turn on the laptop not come to its end before the event is set."""

    def held():
        transport, go_on = two.workers["laptop"].transport, asyncio.Event()
        send = transport.send

        async def slow(chat_id, reply):
            if reply.text.startswith("*web* on laptop"):
                await go_on.wait()
            return await send(chat_id, reply)

        mocker.patch.object(transport, "send", slow)
        message = make_message("/repo")
        two.chat.transport.receive(message)
        return go_on

    return held


async def test_stop_overtakes_a_turn_that_is_stuck_on_the_laptop(
    two, wait_for, script, stuck, run_in
):
    script("laptop", {"wait": True})
    await run_in("web", "Run 1 started in")
    go_on = stuck()
    two.chat.transport.receive(make_message("/repo"))

    assert (await two.chat("/stop"))[0].startswith("Run 1 stopped after ")

    go_on.set()
    await wait_for(two.chat, "*web* on laptop\n")


async def test_no_overtakes_a_turn_that_is_stuck_on_the_laptop(
    two, wait_for, script, stuck, run_in
):
    script("laptop", {"ask": {"command": "make"}, "else": [{"say": "Not made."}]})
    await run_in("web", "wants to")
    go_on = stuck()

    assert await two.chat("no") == []

    await wait_for(two.chat, "Not made.")
    go_on.set()
    await wait_for(two.chat, "*web* on laptop\n")


async def test_text_of_others_is_no_answer_and_never_leaves_the_hub(two, wait_for, script, run_in):
    question = {"question": "Which colour?", "options": ["Red", "Blue"]}
    script("laptop", {"inquire": [question]}, {"say": "Answers: {answers}"})
    anna = two.chat.person("+4930111111")
    await run_in("web", "Which colour?")
    await two.chat("/use infra")
    before = len(two.workers["laptop"].records.audit)

    assert await anna("see you tomorrow") == []
    assert len(two.workers["laptop"].records.audit) == before
    assert await two.chat("a dark green") == []

    await wait_for(two.chat, "a dark green")
