"""What goes on from one run to the next, and which plain text is a prompt."""

import pytest

from butler.app import read_setup
from butler.testing import open_chat


async def test_a_conversation_goes_on_until_new(chat, script, run):
    script.turns({"say": "{conversation}"})
    await chat("/use api")
    await run(chat)

    begun = "The next prompt starts a new conversation with scripted in *api*."
    assert await chat("/new") == [begun]
    assert await chat("/new") == ["There is no conversation with scripted in *api* yet."]


async def test_a_conversation_that_is_lost_is_said_once_and_begun_afresh(chat, script, run):
    script.turns({"say": "Here."})
    await chat("/use api")
    await run(chat)
    script["resume"] = "refuse"
    script.turns({"say": "Afresh."})

    assert (await run(chat)).startswith("Afresh.")
    assert [s for s in chat.transport.sent if "Starting a new conversation." in s.reply.text]


@pytest.mark.parametrize("way", ["crash", "lost", "refuse", "unsupported"])
async def test_a_conversation_that_cannot_be_resumed_does_not_spoil_later_runs(
    chat, script, run, way
):
    script.turns({"say": "Here."})
    await chat("/use api")
    await run(chat)
    script["resume"] = way
    script.turns({"say": "Afresh."})

    assert (await run(chat)).startswith("Afresh.")
    script["resume"] = "unsupported" if way == "unsupported" else "accept"
    script.turns({"say": "Once more."})
    assert (await run(chat)).startswith("Once more.")
    said = [s for s in chat.transport.sent if "Starting a new conversation." in s.reply.text]
    assert len(said) == 1


@pytest.mark.parametrize("way", ["crash", "lost", "refuse"])
async def test_that_no_conversation_can_be_resumed_is_not_repeated_at_every_run(
    chat, script, run, way
):
    script["resume"] = way
    script.turns({"say": "Afresh."})
    await chat("/use api")
    ends = [(await run(chat)).splitlines()[-1] for _ in range(4)]
    said = [s for s in chat.transport.sent if "Starting a new conversation." in s.reply.text]
    assert len(said) == 1
    assert ["a new conversation" in end for end in ends] == [False, False, True, True]

    script["resume"] = "accept"
    script.turns({"say": "Resumed."})
    await run(chat)
    script["resume"] = way
    script.turns({"say": "Afresh."})
    await run(chat)
    said = [s for s in chat.transport.sent if "Starting a new conversation." in s.reply.text]
    assert len(said) == 2


async def test_a_fresh_conversation_that_cannot_be_begun_either_is_said(chat, script, run):
    script.turns({"say": "Here."})
    await chat("/use api")
    await run(chat)
    script["resume"] = "refuse"
    script["logged_in"] = False
    script.turns({"say": "Afresh."})

    assert " is not logged in on this machine: " in await run(chat)


async def test_plain_text_is_a_prompt_where_that_was_said(chat, script, answer):
    script.turns({"say": "You said {prompt}"})
    await chat("/use api")
    assert await chat("hello") == []
    assert await chat("/chat") == [
        "Plain text is not treated as a prompt here. /chat on changes that."
    ]
    assert await chat("/chat on") == [
        "Plain text is now treated as a prompt here. /chat off undoes that."
    ]
    assert await chat("/chat") == [
        "Plain text is treated as a prompt here. /chat off changes that."
    ]
    await chat("hello")

    assert (await answer(chat)).reply.text.startswith("You said hello")
    assert await chat("/chat off") == ["Plain text is no longer treated as a prompt here."]


async def test_a_reply_to_a_run_and_a_mention_are_prompts(chat, script, run, answer):
    script.turns({"say": "You said {prompt}"})
    await chat("/use api")
    await run(chat)
    first = await answer(chat)
    before = len(chat.transport.sent)
    await chat("and now", quoted_id=first.id)
    assert (await answer(chat, before)).reply.text.startswith("You said and now")
    before = len(chat.transport.sent)
    await chat("go on", is_to_bot=True)

    assert (await answer(chat, before)).reply.text.startswith("You said go on")


async def test_a_chat_chooses_its_agent(chat, run):
    await chat("/use api")

    assert (await chat("/agent"))[0].startswith("This chat uses *scripted* in *api*. Available: ")
    assert await chat("/agent nope") == [
        "No agent called nope. Known: claude, codex, gemini, opencode, scripted, shell, shout."
    ]
    for written in ("shout", "Shout", "SHOUT.", "*shout*", "@Shout", "sh\u200bout"):
        assert await chat(f"/agent {written}") == ["This chat now uses *shout*."]
    assert (await run(chat, "hello")).startswith("```\nHELLO\n```")


async def test_a_repo_can_name_its_agent(butler_toml, tmp_path, run):
    path = tmp_path / "butler.toml"
    path.write_text(
        butler_toml.replace("repos.web.path", 'repos.web.agent = "shout"\nrepos.web.path')
    )
    async with open_chat(read_setup(path)) as chat:
        await chat("/use web")
        assert (await run(chat, "hello")).startswith("```\nHELLO\n```")
