"""The daemon's side of its gateway: kept alive, listened to, ended."""

import asyncio
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from butler.errors import TransportError
from butler.message import Reply
from butler.transports.whatsapp import link, linked_account, pair, pairing, process
from butler.transports.whatsapp.frames import Connection, Options

from .conftest import daemon, eventually

FAKE = Path(__file__).with_name("fake_gateway.py")


@pytest.fixture
def scenario(monkeypatch):
    """Makes every gateway that is started play a scenario."""

    def play(name):
        monkeypatch.setattr(process, "COMMAND", (sys.executable, str(FAKE), name))

    return play


def test_the_daemons_side_never_loads_the_library():
    code = "import sys, butler.transports.whatsapp; print('neonize' in sys.modules)"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert shown == b"False\n"


async def test_a_gateway_that_dies_is_started_again_ever_less_often(
    scenario, tmp_path, monkeypatch
):
    waits = []

    async def no_sleep(delay_s):
        waits.append(delay_s)
        if len(waits) == 9:
            raise TransportError("enough")

    scenario("dies")
    monkeypatch.setattr(link, "FIRST_WAIT_S", 1.0)
    kept = link.Link(Options(str(tmp_path), "Butler"), pytest.fail, lambda: None)
    monkeypatch.setattr(link, "sleep", no_sleep)

    with pytest.raises(TransportError, match="enough"):
        await kept.hold()

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_the_waits_begin_anew_after_a_steady_gateway(scenario, tmp_path, monkeypatch):
    waits = []

    async def no_sleep(delay_s):
        waits.append(delay_s)
        if len(waits) == 3:
            raise TransportError("enough")

    scenario("dies")
    monkeypatch.setattr(link, "FIRST_WAIT_S", 1.0)
    monkeypatch.setattr(link, "STEADY_S", 0.0)
    monkeypatch.setattr(link, "sleep", no_sleep)

    with pytest.raises(TransportError, match="enough"):
        await link.Link(Options(str(tmp_path), "Butler"), pytest.fail, lambda: None).hold()

    assert waits == [1, 1, 1]


@pytest.mark.parametrize("name", ["aborts", "babbles", "hangs"])
async def test_a_gateway_that_is_of_no_use_is_replaced(scenario, tmp_path, monkeypatch, name):
    monkeypatch.setattr(process, "SILENCE_LIMIT_S", 0.3)
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    scenario(name)

    async with daemon(tmp_path, echoes=False) as bot:
        await eventually(lambda: bot.transport.gateway_id)
        first = bot.transport.gateway_id
        scenario("serves")
        await eventually(lambda: bot.transport.state.name == "connected")
        second = bot.transport.gateway_id

    assert first != second
    assert not _is_alive(first)
    assert not _is_alive(second)


async def test_a_gateway_that_ignores_sigterm_is_killed(scenario, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    scenario("hangs")
    async with daemon(tmp_path, echoes=False) as bot:
        await eventually(lambda: bot.transport.gateway_id)
        gateway = bot.transport.gateway_id
        leaving = time.monotonic()

    assert time.monotonic() - leaving < 2
    assert not _is_alive(gateway)


async def test_what_a_gateway_prints_is_logged_within_bounds(scenario, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    scenario("chats")

    async with process.gateway(Options(str(tmp_path), "Butler")) as gateway:
        assert [frame async for frame in gateway.frames()] == [Connection(is_up=True)]

    lines = [each for each in caplog.records if each.name.endswith("whatsapp.process")]
    assert lines[0].levelname == "WARNING"
    assert lines[0].getMessage() == "gateway: library: a line"
    assert len(lines) == 200
    assert lines[-1].getMessage().endswith("left out for the rest of this minute")


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


async def test_leaving_does_not_wait_for_ever_for_what_is_not_confirmed(
    scenario, tmp_path, monkeypatch
):
    monkeypatch.setattr("butler.transports.whatsapp.transport.CLOSE_LIMIT_S", 0.1)
    scenario("again")
    async with daemon(tmp_path, echoes=False) as bot:
        message = await anext(bot.transport.messages())
        os.kill(bot.transport.gateway_id, 9)
        scenario("dies")
        await bot.transport.acknowledge(message)
        leaving = time.monotonic()

    assert time.monotonic() - leaving < 2


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

    with pytest.raises(TransportError, match="Nobody used a code in time"):
        await pair(tmp_path, "Butler", on_qr=codes.append, on_code=pytest.fail)

    assert codes == ["code"] * 3


async def test_a_round_that_hangs_is_ended(scenario, tmp_path, monkeypatch):
    monkeypatch.setattr(pairing, "ROUND_LIMIT_S", 0.2)
    scenario("serves")

    with pytest.raises(TransportError, match="Nobody used a code in time"):
        await pair(tmp_path, "Butler", on_qr=pytest.fail, on_code=pytest.fail)


@pytest.mark.parametrize(
    ("name", "said"), [("dies", "ended without a word"), ("linked", "were not written")]
)
async def test_linking_that_goes_wrong_is_said(scenario, tmp_path, name, said):
    scenario(name)

    with pytest.raises(TransportError, match=said):
        await pair(tmp_path, "Butler", on_qr=lambda _qr: None, on_code=pytest.fail)

    assert linked_account(tmp_path) is None


async def test_cancelled_linking_leaves_no_process(scenario, tmp_path):
    scenario("serves")
    started = []
    linking = asyncio.create_task(pair(tmp_path, "Butler", on_qr=pytest.fail, on_code=pytest.fail))
    await eventually(lambda: _children() and not started.extend(_children()))
    linking.cancel()
    await asyncio.gather(linking, return_exceptions=True)

    assert not any(_is_alive(each) for each in started)


def _children():
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(each) for each in path.read_text().split()]


def _is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True
