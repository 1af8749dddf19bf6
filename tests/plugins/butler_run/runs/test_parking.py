"""Usage limits: said, and waited for where a chat wants that."""

import time

import pytest

from butler.app import read_setup
from butler.storage.generation import mark_restored
from butler.testing import open_chat
from butler_run.runs.parking import AFTER_RESET_S, LATE_S

RESET_S = 3_600.0


@pytest.fixture
def limit(chat, script, wait_for):
    """Let a run of the chat end at a usage limit; return what the chat is told of it."""

    async def reached(resets_in=RESET_S, then=(), asked="/run do it"):
        resets_at = None if resets_in is None else time.time() + resets_in
        script.turns({"say": "Half of it."}, {"limited": True, "resets_at": resets_at})
        await chat("/use api")
        before = len(chat.transport.sent)
        await chat(asked)
        told = await wait_for(chat, "limit is reached", before)
        script.turns(*(then or [{"say": "{prompt} ({conversation})"}]))
        return told.reply.text

    return reached


async def test_a_usage_limit_is_its_own_end_with_the_time_of_the_reset(chat, limit, clock):
    told = await limit(110 * 60)

    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(clock.now + 110 * 60))
    assert told.startswith("Half of it.\n\n")
    assert f"'s usage limit is reached; it resets at {at} (in 1 h 50 min)." in told
    assert "/retry 1 runs it again; /park on lets me go on" in told
    assert (await chat("/runs"))[0].startswith("• 1 *api* ended by a usage limit, ")


async def test_a_parked_run_goes_on_once_in_the_same_conversation(
    chat, limit, clock, wait_for, answer
):
    assert await chat("/park on") == [
        "After a usage limit, runs of this chat go on by themselves. /park off ends that."
    ]
    assert "I go on then. /stop 1 drops that." in await limit()
    assert (await chat("/runs"))[0].startswith("• 1 *api* parked, ")

    before = len(chat.transport.sent)
    clock.put_forward(RESET_S + AFTER_RESET_S + 1)

    await wait_for(chat, "Run 1 goes on.", before)
    text = (await answer(chat, before)).reply.text
    assert text.startswith("Continue where you were stopped by the usage limit. (c-1)")
    assert (await chat("/runs"))[0].split("\n")[1].startswith("• 1 *api* ended by a usage limit")


async def test_what_reaches_the_limit_again_is_not_parked_again(chat, limit, clock, wait_for):
    await chat("/park on")
    again = [{"limited": True, "resets_at": time.time() + 3 * RESET_S}]
    await limit(then=again)

    before = len(chat.transport.sent)
    clock.put_forward(RESET_S + AFTER_RESET_S + 1)

    told = (await wait_for(chat, "limit is reached", before)).reply.text
    assert "/retry 2 runs it again." in told
    assert "I go on then" not in told


async def test_not_before_the_reset(chat, limit, clock):
    await chat("/park on")
    await limit()

    clock.put_forward(RESET_S)

    assert len((await chat("/runs"))[0].split("\n")) == 1
    assert "parked" in (await chat("/runs"))[0]


async def test_without_a_known_reset_nothing_is_parked_and_that_is_said(chat, limit):
    await chat("/park on")

    told = await limit(None)

    assert "when it resets is not known. So I do not go on by myself. /retry 1 runs it" in told
    assert (await chat("/runs"))[0].startswith("• 1 *api* ended by a usage limit")


@pytest.mark.parametrize(
    ("stop", "reply"),
    [
        ("/stop 1", "Run 1 will not go on."),
        ("/stop all", "Run 1 will not go on."),
        ("/stop", "Nothing is running in this chat. Run 1 is parked: /stop 1 drops it."),
    ],
)
async def test_stop_drops_it(chat, limit, clock, stop, reply):
    await chat("/park on")
    await limit()

    assert await chat(stop) == [reply]
    clock.put_forward(RESET_S + AFTER_RESET_S + 1)

    is_dropped = stop != "/stop"
    assert ("stopped" in (await chat("/runs"))[0]) is is_dropped


async def test_retry_takes_its_place(chat, limit, clock, answer):
    await chat("/park on")
    await limit()

    before = len(chat.transport.sent)
    await chat("/retry 1")
    await answer(chat, before)
    clock.put_forward(RESET_S + AFTER_RESET_S + 1)

    assert len((await chat("/runs"))[0].split("\n")) == 2


async def test_the_choice_of_a_chat_wins_over_the_configuration(chat, limit):
    await chat("/park off")

    assert "/park on lets me go on by myself next time." in await limit()
    assert (await chat("/park"))[0].startswith("After a usage limit, runs of this chat wait for")


async def test_budgets_apply_to_what_goes_on(butler_toml, tmp_path, script, clock, wait_for):
    path = tmp_path / "butler.toml"
    path.write_text(
        butler_toml.replace("max_runs = 2", "max_runs = 2\nmax_runs_per_day = 1\npark = true")
    )
    script.turns({"limited": True, "resets_at": time.time() + RESET_S})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await chat("/run do it")
        await wait_for(chat, "I go on then.")
        clock.put_forward(RESET_S + AFTER_RESET_S + 1)

        await wait_for(chat, "Run 1 does not go on: This chat has used up its runs")


@pytest.mark.parametrize("late_s", [0.0, LATE_S + 60])
async def test_it_survives_a_restart(butler_toml, tmp_path, script, clock, wait_for, late_s):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    script.turns({"limited": True, "resets_at": time.time() + RESET_S})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await chat("/park on")
        await chat("/run do it")
        await wait_for(chat, "I go on then.")
    script.turns({"say": "{prompt} ({conversation})"})

    async with open_chat(read_setup(path)) as chat:
        clock.put_forward(RESET_S + AFTER_RESET_S + 1 + late_s)

        if late_s:
            await wait_for(chat, "Run 1 was to go on while Butler was away, too long ago.")
        else:
            await wait_for(chat, "Continue where you were stopped by the usage limit. (c-1)")


async def test_in_a_copy_that_was_put_back_the_chat_is_asked(
    butler_toml, tmp_path, script, clock, wait_for
):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    script.turns({"limited": True, "resets_at": time.time() + RESET_S})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await chat("/park on")
        await chat("/run do it")
        await wait_for(chat, "I go on then.")
    mark_restored(tmp_path / "data")

    async with open_chat(read_setup(path)) as chat:
        told = await wait_for(chat, "It may have gone on since")
        clock.put_forward(RESET_S + AFTER_RESET_S + 1)

        assert told.reply.text.endswith("/retry 1 runs it again.")
        assert (await chat("/runs"))[0].startswith("• 1 *api* ended by a usage limit")


async def test_a_warning_stands_below_the_answer(chat, script, run):
    near = {"kind": "seven_day", "used": 0.8, "resets_at": time.time() + 60 * 60}
    script.turns({"usage_limit": near}, {"say": "Done."})
    await chat("/use api")

    assert "80 % of the weekly limit is used; it resets at " in await run(chat)


async def test_little_use_is_not_worth_a_word(chat, script, run):
    script.turns({"usage_limit": {"used": 0.79}}, {"say": "Done."})
    await chat("/use api")

    assert "limit" not in await run(chat)
