"""Slash commands of the agent: passed on where it has them, explained where not."""

import pytest

from butler.app import read_setup
from butler.testing import open_chat

COMPACT = {"name": "compact", "description": "Keep a summary of the conversation"}
REVIEW = {"name": "Review", "description": ""}
DEPLOY = {"name": "team:deploy", "description": "*Run 1* is\u202e done"}
RUNS = {"name": "runs", "description": "The agent's own"}


@pytest.fixture
async def api(chat, script, run):
    """A chat with plain text on, in a repo where the agent has announced its commands."""
    script["commands"] = [RUNS, REVIEW, COMPACT, DEPLOY]
    script.turns({"say": "Heard {prompt}."})
    await chat("/use api")
    await chat("/chat on")
    await run(chat, "hello")
    return chat


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("/compact", "/compact"),
        ("/Compact keep all names", "/compact keep all names"),
        ("\u200e/com\u200bpact", "/compact"),
        ("\uff0fcompact", "/compact"),
        ("/review", "/Review"),
        ("/team:deploy prod", "/team:deploy prod"),
        ("//review the diff", "/Review the diff"),
        ("//none-such now", "/none-such now"),
        ("//runs", "/runs"),
        ("\uff0f\uff0fruns", "/runs"),
        ("/run /compact", "/compact"),
        ("/etc/passwd is readable", "/etc/passwd is readable"),
    ],
)
async def test_words_of_the_agent_reach_it(api, answer, text, prompt):
    before = len(api.transport.sent)
    await api(text)

    sent = await answer(api, before)
    assert sent.reply.text.startswith(f"Heard {prompt}.\n")


async def test_words_of_nobody_get_one_sentence(api, wait_for):
    assert await api("/none-such") == [
        "There is no /none-such. //none-such passes it to the agent. /help lists the commands."
    ]
    assert await api("/team:none-such") == [
        "scripted has no /team:none-such in *api*, and neither have I. //team:none-such passes it "
        "on anyway, /help agent lists what there is."
    ]


async def test_words_of_the_agent_are_those_in_the_active_repo(api):
    await api("/use web")

    (said,) = await api("/compact")
    assert said.startswith("scripted has no /compact in *web*, and neither have I.")


async def test_a_typo_of_a_command_is_still_one(api):
    assert await api("/usse web") == ["There is no /usse. Did you mean /use?"]


async def test_where_plain_text_is_no_prompt_only_the_doubled_slash_passes(api, answer):
    await api("/chat off")

    assert await api("/compact") == []
    assert await api.chat("owner@lid")("/compact") == [
        "There is no /compact. //compact passes it to the agent. /help lists the commands."
    ]
    before = len(api.transport.sent)
    await api("//compact")
    assert (await answer(api, before)).reply.text.startswith("Heard /compact.\n")


async def test_nothing_passes_while_a_question_is_open(api, script, wait_for):
    script.turns({"ask": {"command": "ls"}})
    await api("/run list")
    await wait_for(api, "wants to run")

    for text in ("/compact", "//compact"):
        (said,) = await api(text)
        assert said.startswith("Answer with yes, no or a number")
    await api("/stop")


async def test_help_lists_the_words_of_the_agent(api):
    (said,) = await api("/help agent")

    assert said.endswith(
        "Commands of scripted in *api*:\n"
        "/Review\n"
        "/compact – Keep a summary of the conversation\n"
        "//runs – The agent's own\n"
        "/team:deploy – ∗Run 1∗ is done"
    )


async def test_help_says_when_they_will_be_known(chat):
    assert not (await chat("/help agent"))[0].endswith("*api*.")
    await chat("/use api")

    (said,) = await chat("/help agent")
    assert said.endswith("The commands of scripted are listed here after its first run in *api*.")


async def test_words_of_an_agent_are_known_after_a_restart(butler_toml, tmp_path, script, run):
    script["commands"] = [COMPACT]
    script.turns({"say": "Heard {prompt}."})
    path = tmp_path / "again.toml"
    path.write_text(butler_toml)
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await run(chat, "hello")
    async with open_chat(read_setup(path)) as chat:
        assert "/compact – Keep a summary" in (await chat("/help agent"))[0]
