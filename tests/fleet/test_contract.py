"""What a chat sees is the same, be a repo on this machine or on another one."""

import asyncio
import re

import pytest
import pytest_asyncio

from butler import Attachment
from butler.testing import make_working_copy


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

    said.reply, said.chat, said.folder = reply, fleet.chat, fleet.folder / machine / "web"
    said.script = lambda *steps: script(machine, *steps)
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
