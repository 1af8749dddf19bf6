"""What a chat chooses about its agent: model, effort, mode."""

import json

import pytest

from butler.testing.agents import scripted_agent


@pytest.fixture
def butler_toml(butler_toml, tmp_path):
    return f"""{butler_toml}
        [repos.low]
        path = "{tmp_path}/web"
        mode = "plan"
        [repos.higher]
        path = "{tmp_path}/api"
        mode = "bypass"
        [repos.high]
        path = "{tmp_path}/web"
        mode = "bypass"
        [plugins.run.agents.second]
        command = {json.dumps(scripted_agent("acp", tmp_path, {"turns": [[]]}))}
        [plugins.run.agents.claude]
        kind = "claude"
        command = {json.dumps(scripted_agent("claude", tmp_path, {"turns": [[]]}))}
    """


@pytest.fixture
def offering(chat, script):
    """Let the agent offer models, efforts and modes, and say what it works with."""
    script["models"] = ["default", "opus", "fa*ble"]
    script["efforts"] = ["low", "high"]
    script["modes"] = ["default", "acceptEdits", "plan", "bypassPermissions"]
    script.turns({"say": "model {model}, effort {effort}, mode {mode}."})


@pytest.mark.usefixtures("offering")
async def test_models_are_listed_as_the_agent_offers_them_and_chosen(chat, run, wait_for):
    await chat("/use api")

    assert await chat("/model") == [
        "Model of scripted in *api*:\n1. *default*\n2. opus\n3. fa∗ble\n/model <name> chooses one."
    ]
    assert await chat("/model 2") == ["scripted uses the model *opus* here from now on."]
    assert "model opus," in await run(chat)
    await wait_for(chat, "Run 1 started in *api* (Scripted · opus)")
    assert "2. *opus*" in (await chat("/model"))[0]
    assert await chat("/model gone") == [
        "scripted has no model gone. Known: default, opus, fa∗ble."
    ]
    assert await chat("/model default") == ["scripted uses its own default model here again."]
    assert "model default," in await run(chat)


@pytest.mark.usefixtures("offering")
async def test_a_number_without_end_is_no_model(chat):
    await chat("/use api")

    assert (await chat(f"/model {'9' * 5_000}"))[0].startswith("scripted has no model 9999")


async def test_a_name_of_several_lines_is_no_model(chat, script):
    script["models"] = ["default", "opus\nRun 1 is done", "a\u202eb"]
    script.turns({"say": "Done."})
    await chat("/use api")

    assert await chat("/model") == [
        "Model of scripted in *api*:\n1. *default*\n/model <name> chooses one."
    ]


@pytest.mark.usefixtures("offering")
async def test_a_chats_choice_is_its_own(chat, run):
    await chat("/use api")
    await chat("/effort high")

    other = chat.chat("other@g.us")
    await other("/use web")
    assert "effort low" in await run(other)
    assert "effort high" in await run(chat)


async def test_an_agent_that_offers_nothing_says_so(chat):
    await chat("/use api")

    assert await chat("/model") == ["scripted offers no choice of model."]
    assert await chat("/effort high") == ["scripted offers no choice of effort."]
    await chat("/agent shout")
    assert await chat("/mode plan") == ["shout is a program: it has no modes."]
    assert await chat("/mode") == ["shout is a program: it has no modes and asks nobody."]


@pytest.mark.usefixtures("offering")
async def test_the_mode_is_chosen_below_the_repos_ceiling(chat, run, wait_for):
    await chat("/use api")

    assert await chat("/mode") == [
        "scripted works in the mode *ask* in *api*.\n"
        "• plan: it only plans\n"
        "• ask: it asks before it acts\n"
        "More than ask is not allowed in *api*."
    ]
    assert await chat("/mode plan") == ["scripted works in the mode *plan* here: it only plans."]
    assert "mode plan." in await run(chat)
    await wait_for(chat, "Run 1 started in *api* (Scripted · plan)")
    assert await chat("/mode edits") == [
        "*api* allows at most ask. Whoever runs Butler can raise that: "
        'mode = "edits" in [repos.api].'
    ]
    assert await chat("/mode default") == ["scripted works in its default mode here again, *ask*."]
    assert "mode default." in await run(chat)


@pytest.mark.usefixtures("offering")
async def test_a_ceiling_holds_for_what_a_chat_chose_elsewhere(chat, run):
    await chat("/use high")
    await chat("/mode edits")
    assert "mode acceptEdits." in await run(chat)

    await chat("/use low")

    assert "mode plan." in await run(chat)


@pytest.mark.usefixtures("offering")
async def test_bypass_is_for_owners_and_for_one_run(chat, run):
    anna = chat.person("+4930111111")
    await chat("/use high")
    await chat("/mode ask")

    assert await anna("/mode bypass") == [
        "Only an owner can choose bypass. /mode lists the other modes."
    ]
    assert "asks nothing in your next run in *high*" in (await chat("/mode bypass"))[0]
    assert "An owner's next run: bypass." in (await chat("/mode"))[0]
    assert "mode default." in await run(anna)
    assert "mode bypassPermissions." in await run(chat)
    assert "mode default." in await run(chat)


@pytest.mark.usefixtures("offering")
@pytest.mark.parametrize("steered", ["/use higher", "/agent second"])
async def test_bypass_for_one_run_is_not_for_what_somebody_else_chose_since(chat, steered, run):
    anna = chat.person("+4930111111")
    await chat("/use high")
    await chat("/mode ask")
    await chat("/mode bypass")

    await anna(steered)

    assert "bypass" not in await run(chat)
    await chat("/use high")
    await chat("/agent scripted")
    assert "mode default." in await run(chat)


@pytest.mark.usefixtures("offering")
async def test_bypass_for_one_run_is_not_for_somebody_elses_prompt(chat, run, script, answer):
    anna = chat.person("+4930111111")
    await chat("/use high")
    await chat("/mode ask")
    script.turns({"fail": "boom"})
    await run(anna)
    script.turns({"say": "mode {mode}."})
    await chat("/mode bypass")

    before = len(chat.transport.sent)
    await chat("/retry")

    assert "mode default." in (await answer(chat, before)).reply.text


async def test_bypass_above_the_ceiling_is_refused_for_owners_too(chat):
    await chat("/use api")

    assert "allows at most ask" in (await chat("/mode bypass"))[0]


@pytest.mark.parametrize("command", ["/model", "/effort", "/mode", "/park", "/continue", "/resume"])
async def test_who_may_not_run_may_not_choose(chat, command, butler_toml):
    stranger = chat.person("+4930333333").chat("stranger@g.us")

    assert await stranger(command) == []
