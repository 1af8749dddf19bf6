"""How many runs there may be, and what they may cost."""

import re
from dataclasses import replace

import pytest

from butler import Person
from butler.app import read_setup
from butler.testing import open_chat


async def test_a_person_has_only_so_many_runs_an_hour(chat, script, run):
    script.turns({"say": "Done."})
    anna = chat.person("+4930111111")
    await chat("/use api")
    for _ in range(3):
        await run(anna)

    (refused,) = await anna("/run once more")
    assert re.fullmatch(
        r"You have started 3 runs within an hour\. The next one can start in (59 min \d+ s|1 h)\.",
        refused,
    )
    assert "Done." in await run(chat)


async def test_after_the_limit_was_lowered_the_next_run_waits_for_the_last_ones(
    butler_toml, tmp_path, script, run, clock
):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    script.turns({"say": "Done."})
    anna = Person(phone="+4930111111")
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        for _ in range(3):
            await run(replace(chat, sender=anna))
            clock.put_forward(600)

    path.write_text(butler_toml.replace("max_runs_per_hour = 3", "max_runs_per_hour = 2"))
    async with open_chat(read_setup(path)) as reopened:
        chat = replace(reopened, sender=anna)
        assert await chat("/run more") == [
            "You have started 2 runs within an hour. The next one can start in 40 min."
        ]
        clock.put_forward(2400)
        await run(chat)


@pytest.mark.parametrize("known", [Person(lid="111@lid"), Person(phone="+4930111111")])
async def test_a_person_has_only_so_many_runs_whatever_the_address(chat, script, run, known):
    script.turns({"say": "Done."})
    both = replace(chat, sender=Person(phone="+4930111111", lid="111@lid"))
    one = replace(chat, sender=known)
    await chat("/use api")
    for _ in range(3):
        await run(one)

    (refused,) = await both("/run once more")
    assert refused.startswith("You have started 3 runs within an hour.")


@pytest.mark.parametrize("known", [Person(lid="111@lid"), Person(phone="+4930111111")])
async def test_runs_under_both_addresses_count_under_each(chat, script, run, known):
    script.turns({"say": "Done."})
    both = replace(chat, sender=Person(phone="+4930111111", lid="111@lid"))
    await chat("/use api")
    for _ in range(3):
        await run(both)

    (refused,) = await replace(chat, sender=known)("/run once more")
    assert refused.startswith("You have started 3 runs within an hour.")


async def test_a_budget_is_of_24_hours_and_outlives_the_bot(
    butler_toml, tmp_path, script, run, clock
):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml.replace("max_runs = 2", "max_runs = 2\nmax_runs_per_day = 1"))
    script.turns({"say": "Done."})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await run(chat)

    async with open_chat(read_setup(path)) as chat:
        clock.put_forward(23 * 3600)
        assert "used up its runs of 24 hours (1 of 1)" in (await chat("/run more"))[0]
        clock.put_forward(3600)
        await run(chat)


async def test_a_chat_has_a_budget_that_an_owner_can_lift_for_one_run(
    butler_toml, tmp_path, script, wait_for, run
):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml.replace("max_runs = 2", "max_runs = 2\nmax_runs_per_day = 5"))
    script.turns({"say": "Done."})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        for _ in range(3):
            await run(chat)
        assert not [each for each in chat.transport.sent if "has used" in each.reply.text]
        before = len(chat.transport.sent)
        assert await chat("/run") != []
        await run(chat)
        await wait_for(chat, "This chat has used 4 of its 5 runs of 24 hours.", before)
        await run(chat)
        assert "used up its runs of 24 hours" in (await chat("/run more"))[0]
        assert await chat("/lift") == ["The next run here may exceed the budget."]
        await run(chat)
        assert "used up its runs of 24 hours" in (await chat("/run more"))[0]


async def test_what_runs_cost_is_counted(butler_toml, tmp_path, script, run):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml.replace("max_runs = 2", "max_cost_usd_per_day = 0.5"))
    script.turns({"usage": {"tokens": 10, "cost_usd": 0.6}}, {"say": "Done."})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        assert (await run(chat)).endswith(" · $0.60")
        assert "(0.6 of 0.5)" in (await chat("/run more"))[0]
        assert ", $0.60: " in (await chat("/runs"))[0]
