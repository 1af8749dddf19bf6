"""The daemon's side of its gateway: kept alive, listened to, ended."""

import asyncio
import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from butler.chat.message import Message, Person, Reply
from butler.errors import TransportError
from butler.transports.whatsapp import linked_account, pair
from butler.transports.whatsapp.daemon import gateway_log, pairing, process, spawning, supervisor
from butler.transports.whatsapp.daemon.notices import INTERRUPTED
from butler.transports.whatsapp.protocol.frames import Connection, Health, Options
from crash_series import is_alive
from whatsapp_daemon import daemon, eventually

FAKE = Path(__file__).with_name("fake_gateway.py")


@pytest.fixture
def scenario(monkeypatch):
    """Makes every gateway that is started play a scenario."""

    def play(name):
        monkeypatch.setattr(spawning, "COMMAND", (sys.executable, str(FAKE), name))

    return play


def test_the_daemons_side_never_loads_the_library():
    code = "import sys, butler.transports.whatsapp; print('neonize' in sys.modules)"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert shown == b"False\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dies", [1, 2, 4, 8, 16, 30, 30, 30, 30]),
        # Three lost acknowledgements are not to hold up everybody.
        ("unanswered", [1, 1, 1, 1, 2, 4, 8, 16, 30]),
    ],
)
async def test_a_gateway_that_ends_is_started_again_ever_less_often(
    scenario, tmp_path, monkeypatch, name, expected
):
    waits = []

    async def no_sleep(delay_s):
        waits.append(delay_s)
        if len(waits) == len(expected):
            raise TransportError("enough")

    scenario(name)
    monkeypatch.setattr(supervisor, "FIRST_WAIT_S", 1.0)
    kept = supervisor.Supervisor(Options(str(tmp_path), "Butler"), pytest.fail, lambda: None)
    monkeypatch.setattr(supervisor, "sleep", no_sleep)

    with pytest.raises(TransportError, match="enough"):
        await kept.hold()

    assert waits == expected


async def test_what_a_gateway_says_of_its_health_is_part_of_the_state(scenario, tmp_path):
    scenario("ails")

    async with daemon(tmp_path, echoes=False) as bot:
        await eventually(lambda: bot.transport.state.health.is_deaf)

        assert bot.transport.state.health == Health(("1@g.us",), 7, is_deaf=True)
        assert bot.transport.state.name == "connected"


async def test_the_waits_begin_anew_after_a_steady_gateway(scenario, tmp_path, monkeypatch):
    waits = []

    async def no_sleep(delay_s):
        waits.append(delay_s)
        if len(waits) == 3:
            raise TransportError("enough")

    scenario("dies")
    monkeypatch.setattr(supervisor, "FIRST_WAIT_S", 1.0)
    monkeypatch.setattr(supervisor, "STEADY_S", 0.0)
    monkeypatch.setattr(supervisor, "sleep", no_sleep)

    with pytest.raises(TransportError, match="enough"):
        await supervisor.Supervisor(
            Options(str(tmp_path), "Butler"), pytest.fail, lambda: None
        ).hold()

    assert waits == [1, 1, 1]


async def test_an_outage_is_counted_from_its_beginning_whatever_is_tried(
    scenario, tmp_path, monkeypatch
):
    states = []

    async def no_sleep(_delay_s):
        states.append(kept.state)
        if len(states) == 4:
            raise TransportError("enough")

    scenario("aborts")
    kept = supervisor.Supervisor(
        Options(str(tmp_path), "Butler"), pytest.fail, lambda: states.append(kept.state)
    )
    monkeypatch.setattr(supervisor, "sleep", no_sleep)

    with pytest.raises(TransportError, match="enough"):
        await kept.hold()

    assert [each.name for each in states] == ["starting", "waiting"] * 2
    assert [bool(each.reason) for each in states] == [False, True, True, True]
    assert len({each.since for each in states}) == 1


@pytest.mark.parametrize(
    ("name", "silence_s", "said"),
    [
        ("aborts", 30, "was ended by SIGABRT."),
        ("babbles", 30, "sent an invalid frame: "),
        ("hangs", 0.3, "stopped answering."),
    ],
)
async def test_a_gateway_that_is_of_no_use_is_replaced(
    scenario, tmp_path, monkeypatch, caplog, name, silence_s, said
):
    monkeypatch.setattr(process, "SILENCE_LIMIT_S", silence_s)
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    scenario(name)

    async with daemon(tmp_path, echoes=False) as bot:
        await eventually(lambda: bot.gateway_id)
        first = bot.gateway_id
        scenario("serves")
        await eventually(lambda: not is_alive(first))
        # One that serves may need longer than that to start on a busy machine.
        monkeypatch.setattr(process, "SILENCE_LIMIT_S", 30)
        await eventually(lambda: bot.transport.state.name == "connected")
        second = bot.gateway_id

    assert f"The gateway to WhatsApp {said}" in caplog.text
    assert first != second
    assert not is_alive(first)
    assert not is_alive(second)


async def test_a_gateway_that_ignores_sigterm_is_killed(scenario, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    scenario("hangs")
    async with daemon(tmp_path, echoes=False) as bot:
        await eventually(lambda: bot.gateway_id)
        gateway = bot.gateway_id

    assert not is_alive(gateway)


async def test_what_a_gateway_prints_is_logged_within_bounds(scenario, tmp_path, caplog, mocker):
    mocker.patch.object(gateway_log, "time").monotonic.return_value = 60.0
    caplog.set_level(logging.INFO)
    scenario("chats")

    async with process.gateway(Options(str(tmp_path), "Butler")) as gateway:
        assert [frame async for frame in gateway.frames()] == [Connection(is_up=True)]

    lines = [each for each in caplog.records if each.name.endswith("daemon.process")]
    assert lines[0].levelname == "WARNING"
    assert lines[0].getMessage() == "gateway: library: a line"
    assert len(lines) == 200
    assert lines[-1].getMessage().endswith("further output is dropped for the rest of this minute")


async def test_frames_and_the_gateway_show_at_debug_and_no_text_does(scenario, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, logger="butler")
    scenario("again")

    async with daemon(tmp_path) as bot:
        await eventually(lambda: bot.turns_over == 2)

    own = [each for each in caplog.records if each.name.endswith("daemon.process")]
    lines = [each.getMessage() for each in own if each.levelno == logging.DEBUG]
    assert any(line.startswith("the gateway is process ") for line in lines)
    assert any(re.fullmatch(r"to the gateway: Options, \d+ bytes", line) for line in lines)
    assert "from the gateway: Connection" in lines
    assert not [line for line in lines if "one" in line.split()]


async def test_a_message_that_is_in_hand_is_not_yielded_again(scenario, tmp_path):
    scenario("again")

    async with daemon(tmp_path) as bot:
        await eventually(lambda: bot.turns_over == 2)

    assert [message.text for message in bot.messages] == ["one", "two"]


async def test_a_reply_is_keyed_by_its_message_and_place_while_the_turn_lasts(scenario, tmp_path):
    scenario("again")

    async with daemon(tmp_path, echoes=False) as bot:
        message = await anext(bot.transport.messages())
        ids = [await bot.transport.send("1@lid", Reply("x", message)) for _ in range(2)]
        await bot.transport.acknowledge(message)
        await bot.transport.acknowledge(message)
        later = await bot.transport.send("1@lid", Reply("x", message))

    assert ids == ["id of 1.1", "id of 1.2"]
    assert later not in ids


async def test_a_message_in_hand_that_a_new_gateway_calls_withdrawn_is(scenario, tmp_path):
    scenario("withdrawn")

    async with daemon(tmp_path, echoes=False) as bot:
        message = await anext(bot.transport.messages())
        await eventually(lambda: bot.transport.is_withdrawn(message))

    assert [entry.rule for entry in bot.records.entries] == ["withdrawn"]


async def test_a_turn_that_has_begun_is_not_withdrawn_by_a_new_gateway(scenario, tmp_path):
    scenario("again")
    async with daemon(tmp_path, echoes=False) as bot:
        message = await anext(bot.transport.messages())
        bot.transport.begin(message)
        scenario("withdrawn")
        first = bot.gateway_id
        os.kill(first, 9)
        await eventually(lambda: bot.gateway_id not in (None, first))
        await eventually(lambda: bot.transport.state.name == "connected")

        assert not bot.transport.is_withdrawn(message)
        assert bot.records.entries == []


async def _cut_off(folder, **how):
    """Begin the first turn, and end before it is over."""
    async with daemon(folder, echoes=False) as bot:
        message = await anext(bot.transport.messages())
        bot.transport.begin(message, **how)


def _interrupted(bot):
    return [each.message_id for each in bot.records.entries if each.rule == "interrupted"]


def _said(caplog):
    """Return what the gateway was asked to send."""
    return [
        each.getMessage().removeprefix("gateway: ")
        for each in caplog.records
        if each.name.endswith("process")
    ]


async def test_a_turn_that_was_cut_off_is_not_repeated_but_told_to_its_chat(
    scenario, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    scenario("commands")
    await _cut_off(tmp_path)

    for _ in range(2):
        async with daemon(tmp_path) as bot:
            await eventually(lambda: bot.turns_over == 1 and bot.is_settled)
            await eventually(lambda: len(_said(caplog)) == 2)
        assert [message.text for message in bot.messages] == ["/two"]
        assert _interrupted(bot) == ["A1"]
        # A reply to it would have had that key; had it been sent, the gateway would not send this.
        assert sorted(_said(caplog)) == [f"1.1 to A1: {INTERRUPTED}", "2.1 to A2: echo /two"]
        caplog.clear()
        await _cut_off(tmp_path)


async def test_a_turn_that_had_not_begun_is_repeated(scenario, tmp_path):
    scenario("commands")
    async with daemon(tmp_path, echoes=False) as bot:
        await anext(bot.transport.messages())

    async with daemon(tmp_path) as bot:
        await eventually(lambda: bot.turns_over == 2)

    assert [message.text for message in bot.messages] == ["/one", "/two"]
    assert _interrupted(bot) == []


@pytest.mark.parametrize(("name", "how"), [("again", {}), ("commands", {"is_told": False})])
async def test_chatter_and_what_a_plugin_tells_itself_are_only_on_record(
    scenario, tmp_path, caplog, name, how
):
    caplog.set_level(logging.INFO)
    scenario(name)
    await _cut_off(tmp_path, **how)

    async with daemon(tmp_path) as bot:
        await eventually(lambda: bot.turns_over == 1 and bot.is_settled)
        await eventually(lambda: _said(caplog))

    assert _interrupted(bot) == ["A1"]
    assert [each.partition(" ")[0] for each in _said(caplog)] == ["2.1"]


async def test_a_turn_whose_work_was_done_is_not_on_record_as_interrupted(scenario, tmp_path):
    scenario("commands")
    await _cut_off(tmp_path)

    async with daemon(tmp_path) as bot:
        await eventually(lambda: bot.gateway_id)
        cut_off = Message("A1", "1@lid", Person(lid="1@lid"), "", time.time())
        bot.records.done(cut_off, "use", "api", "done")
        await eventually(lambda: bot.turns_over == 1 and bot.is_settled)

    assert _interrupted(bot) == []


async def test_a_turn_of_this_daemon_goes_on_whatever_becomes_of_the_gateway(scenario, tmp_path):
    scenario("commands")
    async with daemon(tmp_path, echoes=False) as bot:
        message = await anext(bot.transport.messages())
        bot.transport.begin(message)
        first = bot.gateway_id
        os.kill(first, 9)
        await eventually(lambda: bot.gateway_id not in {None, first})
        await eventually(lambda: bot.transport.state.name == "connected")
        assert await bot.transport.send("1@lid", Reply("x", message)) == "id of 1.1"
        await bot.transport.acknowledge(message)
        await eventually(lambda: bot.is_settled)
        again = await anext(bot.transport.messages())

    assert again.text == "/two"
    assert _interrupted(bot) == []


async def test_what_a_turn_did_is_on_record_before_its_reply_leaves(scenario, tmp_path, mocker):
    happened = mocker.Mock()
    scenario("commands")
    async with daemon(tmp_path, echoes=False) as bot:
        message = await anext(bot.transport.messages())
        mocker.patch.object(bot.records, "flushed", happened.flushed)
        happened.flushed.side_effect = mocker.AsyncMock()
        mocker.patch.object(bot.transport._delivery, "deliver_all", happened.deliver)
        happened.deliver.side_effect = mocker.AsyncMock(return_value="id")
        await bot.transport.send("1@lid", Reply("x", message))

    assert [name for name, *_ in happened.mock_calls] == ["flushed", "deliver"]


async def test_what_was_over_while_there_was_no_gateway_is_told_to_the_next(scenario, tmp_path):
    scenario("commands")
    async with daemon(tmp_path, echoes=False) as bot:
        message = await anext(bot.transport.messages())
        first = bot.gateway_id
        os.kill(first, 9)
        await eventually(lambda: bot.gateway_id is None)
        await bot.transport.acknowledge(message)
        await eventually(lambda: not bot.transport._acknowledgements._news)
        await eventually(lambda: bot.is_settled)


async def test_leaving_does_not_wait_for_ever_for_what_is_not_confirmed(
    scenario, tmp_path, monkeypatch
):
    monkeypatch.setattr("butler.transports.whatsapp.daemon.transport.CLOSE_LIMIT_S", 0.1)
    scenario("again")
    async with daemon(tmp_path, echoes=False) as bot:
        message = await anext(bot.transport.messages())
        os.kill(bot.gateway_id, 9)
        scenario("dies")
        await bot.transport.acknowledge(message)

    assert not bot.is_settled


async def test_a_final_end_fails_what_waits_and_what_comes(scenario, tmp_path):
    scenario("final")

    async def outcome():
        async with daemon(tmp_path, echoes=False) as bot:
            with pytest.raises(TransportError, match=r"^Final\.$"):
                await bot.transport.send("1@lid", Reply("x"))
            with pytest.raises(TransportError, match=r"^Final\.$"):
                await bot.transport.send("1@lid", Reply("x"))

    with pytest.raises(TransportError, match=r"^Final\.$"):
        await outcome()


async def test_an_error_inside_is_not_hidden_by_the_links(scenario, tmp_path):
    scenario("final")

    async def fails():
        async with daemon(tmp_path, echoes=False) as bot:
            await eventually(lambda: bot.transport.state.name == "ended")
            raise LookupError

    with pytest.raises(LookupError):
        await fails()


async def test_linking_is_given_up_after_three_rounds(scenario, tmp_path):
    scenario("timeout")
    codes = []

    with pytest.raises(TransportError, match="No code was used in time"):
        await pair(tmp_path, "Butler", on_qr=lambda *code: codes.append(code), on_code=pytest.fail)

    assert codes == [("code", 60.0)] * 3


async def test_a_round_that_hangs_is_ended(scenario, tmp_path, monkeypatch):
    monkeypatch.setattr(pairing, "ROUND_LIMIT_S", 0.2)
    scenario("serves")

    with pytest.raises(TransportError, match="No code was used in time"):
        await pair(tmp_path, "Butler", on_qr=pytest.fail, on_code=pytest.fail)


@pytest.mark.parametrize(
    ("name", "said"), [("dies", "ended with status 0"), ("linked", "were not written")]
)
async def test_linking_that_goes_wrong_is_said(scenario, tmp_path, name, said):
    scenario(name)

    with pytest.raises(TransportError, match=said):
        await pair(tmp_path, "Butler", on_qr=lambda *_qr: None, on_code=pytest.fail)

    assert linked_account(tmp_path) is None


async def test_cancelled_linking_leaves_no_process(scenario, tmp_path):
    scenario("serves")
    others, started = set(_children()), []
    linking = asyncio.create_task(pair(tmp_path, "Butler", on_qr=pytest.fail, on_code=pytest.fail))
    await eventually(lambda: started.extend(set(_children()) - others) or started)
    linking.cancel()
    await asyncio.gather(linking, return_exceptions=True)

    assert not any(is_alive(each) for each in started)


def _children():
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(each) for each in path.read_text().split()]
