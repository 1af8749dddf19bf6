"""How many runs there may be, and what they may cost."""

from butler.app import read_setup
from butler.testing import open_chat


async def test_a_person_has_only_so_many_runs_an_hour(chat, script, run):
    script.turns({"say": "Done."})
    anna = chat.person("+4930111111")
    await chat("/use api")
    for _ in range(3):
        await run(anna)

    assert await anna("/run once more") == [
        "You have had 3 runs within an hour. Try again a little later."
    ]
    assert "Done." in await run(chat)


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
        before = len(chat.transport.sent)
        assert await chat("/run") != []
        await run(chat)
        await wait_for(chat, "This chat has used 4 of 5 runs today.", before)
        await run(chat)
        assert "used up its runs of today" in (await chat("/run more"))[0]
        assert await chat("/lift") == ["The next run here may go beyond the budget."]
        await run(chat)
        assert "used up its runs of today" in (await chat("/run more"))[0]


async def test_what_runs_cost_is_counted(butler_toml, tmp_path, script, run):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml.replace("max_runs = 2", "max_cost_usd_per_day = 0.5"))
    script.turns({"usage": {"tokens": 10, "cost_usd": 0.6}}, {"say": "Done."})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        assert (await run(chat)).endswith(" · $0.60")
        assert "(0.6 of 0.5)" in (await chat("/run more"))[0]
        assert (await chat("/runs"))[0].endswith(", $0.60")
