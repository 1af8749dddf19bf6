"""Whoever may not use /run starts no run by another way."""

import pytest

from butler.app import read_setup
from butler.testing import open_chat

ANNA = "+4930111111"
RAISED = [
    '[access.rules."team@g.us"]\ncommands = { run = "owner" }',
    '[access.rules."team@g.us"]\nneeds = "owner"',
]


@pytest.fixture(params=RAISED)
def butler_toml(request, butler_toml):
    if request.param not in RAISED:
        return butler_toml.replace("repos.web.path", f"{request.param}\nrepos.web.path")
    return butler_toml.replace("[plugins]", f"{request.param}\n[plugins]")


async def test_plain_text_is_no_way_around_a_raised_run(chat, run):
    await chat("/use api")
    await run(chat)
    await chat("/chat on")
    anna, of_a_run = chat.person(ANNA), chat.transport.sent[-1].id

    assert await anna("/run do it") == ["/run is for owners only."]
    assert await anna("do it") == []
    assert await anna("do it", is_to_bot=True) == []
    assert await anna("do it", quoted_id=of_a_run) == []
    assert len((await chat("/runs"))[0].split("\n")) == 1


@pytest.mark.parametrize(
    "said", ["/retry", "/agent shell", "/agent", "/chat on", "/chat off", "/new", "/undo"]
)
async def test_what_steers_runs_is_for_those_who_may_run(chat, script, run, said):
    script.turns({"fail": "no"})
    await chat("/use api")
    await run(chat)

    assert await chat.person(ANNA)(said) == [f"{said.split()[0]} is for owners only."]


async def test_an_owners_plain_text_is_a_prompt_where_run_is_raised(butler_toml, tmp_path, answer):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await chat("do it", is_to_bot=True)
        await answer(chat)


@pytest.mark.parametrize("butler_toml", ['repos.api.mode = "plan"'], indirect=True)
async def test_no_choice_of_a_chat_goes_beyond_what_a_repo_allows(chat, api):
    await chat("/use web")
    assert (await chat("/agent shell"))[0].startswith("This chat now uses *shell*.")
    await chat("/use api")

    (said,) = await chat("/run touch made.txt")

    assert said.startswith("shell may not work in *api*: it is a program, which asks nobody")
    assert (await chat("/agent shell"))[0].startswith("shell may not work in *api*")
    assert "shell" not in (await chat("/agent scripted"))[0]
    assert (await chat("/agent"))[0].startswith("This chat uses *scripted* in *api*. Available: ")
    assert "shell" not in (await chat("/agent"))[0]
    assert not (api / "made.txt").exists()


@pytest.mark.parametrize("butler_toml", ['repos.api.agents = ["scripted"]'], indirect=True)
async def test_a_chat_cannot_choose_an_agent_that_its_repo_does_not_name(chat):
    await chat("/use api")

    assert await chat("/agent shout") == ["shout may not work in *api*. Agents that may: scripted."]


@pytest.mark.parametrize("butler_toml", ['repos.api.users = ["+4930999999"]'], indirect=True)
async def test_a_run_in_a_hidden_repo_is_not_told_of_to_others(chat, script, run):
    script.turns({"write": "made.txt", "content": "made\n"})
    await chat("/use api")
    await run(chat)
    anna = chat.person(ANNA)

    assert await anna("/runs") == ["No runs in this chat yet. /run <prompt> starts one."]
    for said in ("/diff 1", "/undo 1", "/retry 1", "/diff", "/undo", "/retry"):
        (answer,) = await anna(said)
        assert "api" not in answer
    assert "*api*" in (await chat("/runs"))[0]
