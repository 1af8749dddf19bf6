"""What a chat sees is the same, be a repo on this machine or on another one."""

import asyncio
import re
import time

import pytest
import pytest_asyncio

from butler import Attachment
from butler.testing import make_working_copy
from butler_process import PATIENCE_S


@pytest_asyncio.fixture(params=["local", "by Redis"])
async def talk(request, fleet, wait_for, script):
    """Say something in a chat whose repo web is here or there; return the replies to it."""
    machine = "server" if request.param == "local" else "laptop"
    make_working_copy(fleet.folder / machine / "web")
    await fleet.start_hub(*(["web"] if machine == "server" else ["infra"]))
    if machine == "laptop":
        await fleet.start_worker("laptop", "web")

    async def said(text, **details):
        return [_alike(each) for each in await fleet.chat(text, **details)]

    async def reply(text, after=0):
        return _alike((await wait_for(fleet.chat, text, after)).reply.text)

    async def answer(text="/run do it"):
        before = len(fleet.chat.transport.sent)
        await said(text)
        return await reply("no files changed", before)

    said.reply, said.chat, said.folder = reply, fleet.chat, fleet.folder / machine / "web"
    said.script = lambda *steps, **keys: script(machine, *steps, **keys)

    async def announced():
        async with asyncio.timeout(PATIENCE_S):
            while machine == "laptop" and not fleet.hub.takes_command("review"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    said.wait_for, said.answer, said.announced = wait_for, answer, announced
    return said


def _alike(text):
    """Leave out where it is, and how long it took."""
    text = text.replace(" on laptop", "").replace("on laptop.", "on server.")
    return re.sub(r"\d+ s\b", "0 s", text)


async def test_use_and_repo(talk):
    assert await talk("/use web") == ["This chat now works on *web*, on branch main."]
    assert await talk("/use web") == ["This chat already works on *web*, on branch main."]
    (shown,) = await talk("/repo")
    assert shown.splitlines()[0] == "*web*"
    assert await talk("/clear") == [
        "This chat no longer has an active repo. /use <repo> selects one."
    ]
    assert await talk("/repo") == [
        "This chat has no active repo. /repos lists them, /use <repo> selects one."
    ]


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("/use nothing", "No repo called nothing."),
        ("/diff x", "x is not a whole number."),
        ("/stop", "Nothing is running in this chat."),
        ("/runs", "No runs in this chat yet. /run <prompt> starts one."),
        ("/undo", "There is no run of this chat to undo in *web*."),
        ("/run", "Missing: prompt."),
        ("/agent nobody", "No agent called nobody."),
    ],
)
async def test_what_is_refused(talk, text, reply):
    await talk("/use web")

    (said,) = await talk(text)

    assert said.startswith(reply)


async def test_a_run_with_a_question_a_change_and_its_undo(talk):
    talk.script(
        {"ask": {"command": "make"}}, {"write": "new.txt", "content": "x\n"}, {"say": "Made."}
    )
    await talk("/use web")

    await talk("/run make it")
    asked = await talk.reply("wants to")
    await talk("yes")
    answer = await talk.reply("Made.")

    assert "1 or 👍 yes" in asked
    assert answer.splitlines()[0] == "Made."
    assert (talk.folder / "new.txt").exists()
    assert "+x" in (await talk("/diff"))[0]
    assert await talk("/undo") == ["Run 1 in *web* was undone: new.txt."]
    assert not (talk.folder / "new.txt").exists()


async def test_a_no_ends_what_asks(talk):
    talk.script({"ask": {"command": "make"}}, {"say": "Not made."})
    await talk("/use web")
    await talk("/run make it")
    await talk.reply("wants to")

    assert await talk("no") == []

    await talk.reply("Not made.")


def document(tmp_path):
    path = tmp_path / "fetched"
    path.write_bytes(b"x" * 100_000)
    return Attachment("document", "log.txt", "text/plain", path.stat().st_size, path=path)


async def test_the_file_of_a_message_reaches_the_run_and_files_come_back(talk, tmp_path):
    talk.script(
        {"write": "$BUTLER_OUTBOX/back.png", "base64": "iVBORw0KGgo="},
        {"say": "{prompt} | {files}"},
    )
    await talk("/use web")

    assert await talk("/run look", attachments=(document(tmp_path),)) is not None
    text = await talk.reply("| ")

    assert "/inbox/log.txt (text/plain, 100 kB)" in text
    async with asyncio.timeout(20):
        while not (found := [e.reply for e in talk.chat.transport.sent if e.reply.attachment]):
            await talk.chat.next_reply()
    assert (found[0].file_name, found[0].attachment.read_bytes()) == (
        "back.png",
        b"\x89PNG\r\n\x1a\n",
    )


async def test_files_without_words_are_asked_about_where_the_repo_is(talk, tmp_path):
    talk.script({"say": "{prompt} |"})
    await talk("/use web")
    await talk("/chat on")

    said = await talk("", attachments=(document(tmp_path),), media="document")

    assert said == ["What shall I do with it?"]
    await talk("/run look")
    assert "/inbox/log.txt" in await talk.reply("|")


async def test_a_file_that_cannot_be_fetched_is_said_and_nothing_is_run(talk, tmp_path):
    await talk("/use web")
    talk.chat.transport.unfetchable = "WhatsApp no longer has this file. Send it again."

    said = await talk("/run look", attachments=(document(tmp_path),))

    assert said == ["WhatsApp no longer has this file. Send it again."]
    assert await talk("/runs") == ["No runs in this chat yet. /run <prompt> starts one."]


OFFERED = {
    "models": ["default", "opus"],
    "efforts": ["low", "high"],
    "modes": ["default", "acceptEdits", "plan"],
}
COLOUR = {"question": "Which colour?", "options": ["Red", "Blue"]}
PLAN = "# The plan\n\n1. Write it\n2. Test it"


async def test_model_effort_and_mode_are_chosen(talk):
    talk.script({"say": "model {model}, effort {effort}, mode {mode}."}, **OFFERED)
    await talk("/use web")

    assert await talk("/model") == [
        "Model of scripted in *web*:\n1. *default*\n2. opus\n/model <name> chooses one."
    ]
    assert await talk("/model 2") == ["scripted uses the model *opus* here from now on."]
    assert await talk("/effort high") == ["scripted uses the effort *high* here from now on."]
    assert await talk("/mode plan") == ["scripted works in the mode *plan* here: it only plans."]
    assert await talk("/mode edits") == [
        "*web* allows at most ask. Whoever runs Butler can raise that: "
        'mode = "edits" in [repos.web].'
    ]
    assert (await talk.answer()).startswith("model opus, effort high, mode plan.")


async def test_a_question_of_the_agent_is_answered_by_text(talk):
    talk.script({"inquire": [COLOUR]}, {"say": "Answers: {answers}"})
    await talk("/use web")
    await talk("/run do it")

    asked = await talk.reply("Which colour?")
    assert await talk("2") == []

    assert asked.startswith("Scripted asks")
    assert "Blue" in await talk.reply("Answers: ")


async def test_a_plan_is_shown_as_a_document_and_refused_with_a_reason(talk):
    proposal = {"propose": PLAN, "then": [{"say": "On."}], "else": [{"say": "Off."}]}
    talk.script(prompts=[[proposal], [{"say": "Heard: {prompt}"}]])
    await talk("/use web")
    await talk("/run do it")
    await talk.reply("Go ahead?")

    assert await talk("3 no, because it needs a database") == []

    assert "Heard: it needs a database" in await talk.reply("Off.")
    sent = [each.reply for each in talk.chat.transport.sent]
    document = next(each for each in sent if each.file_name)
    assert (document.file_name, document.text) == ("run-1-plan.md", PLAN)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"inquire": [COLOUR]}, "Scripted asks"),
        ({"propose": PLAN}, "Go ahead?"),
        ({"ask": {"command": "ls"}}, "wants to run this command"),
        ({"fail": "boom"}, "boom"),
    ],
)
async def test_who_asked_for_a_run_is_mentioned_when_it_needs_a_person(talk, step, text):
    anna = talk.chat.person("+4930111111")
    talk.script(step)
    await talk("/use web")
    await anna("/run do it")

    called = await talk.wait_for(talk.chat, text)

    assert called.reply.mentions == (anna.sender,)
    await talk("/stop")


async def test_a_conversation_is_new_shown_and_gone_on_with(talk):
    sessions = [{"id": "t-1", "title": "In a terminal", "updated_at": "2026-01-01T00:00:00Z"}]
    talk.script({"say": "This is {conversation}."}, sessions=sessions)
    await talk("/use web")
    assert (await talk.answer()).startswith("This is c-1.")

    assert "c-1" in (await talk("/resume"))[0]
    assert (await talk("/context"))[0].startswith("Conversation with scripted in *web*:")
    assert "1. In a terminal" in (await talk("/continue"))[0]
    (chosen,) = await talk("/continue 1")
    assert chosen.startswith("The next prompt goes on with “In a terminal” in *web*.")
    assert (await talk.answer()).startswith("This is t-1")
    assert await talk("/new") == [
        "The next prompt starts a new conversation with scripted in *web*."
    ]


async def test_a_run_is_parked_at_a_usage_limit_and_dropped_by_its_number(talk):
    talk.script({"limited": True, "resets_at": time.time() + 3_600})
    await talk("/use web")
    assert await talk("/park on") == [
        "After a usage limit, runs of this chat go on by themselves. /park off ends that."
    ]
    await talk("/run do it")

    assert "I go on then. /stop 1 drops that." in await talk.reply("limit is reached")
    assert "• 1 *web* parked, " in (await talk("/runs"))[0]
    assert await talk("/stop 1") == ["Run 1 will not go on."]


async def test_a_slash_command_that_the_agent_announced_is_passed_to_it(talk):
    commands = [{"name": "review", "description": "Look at the changes"}]
    talk.script({"say": "Heard: {prompt}"}, commands=commands)
    await talk("/use web")
    await talk("/chat on")
    assert (await talk("/review it"))[0].startswith("There is no /review.")
    await talk.answer()
    await talk.announced()

    assert (await talk.answer("/review it")).startswith("Heard: /review it")
    assert (await talk.answer("//compact")).startswith("Heard: /compact")
    assert "/review – Look at the changes" in (await talk("/help agent"))[0]


async def test_without_a_run_help_says_when_the_agents_commands_are_known(talk):
    await talk("/use web")

    assert (await talk("/help agent"))[0].endswith(
        "The commands of scripted are listed here after its first run in *web*."
    )
