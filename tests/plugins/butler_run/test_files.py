"""Files in chats with agents: what belongs to which run, and what comes back."""

import asyncio
import base64
import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from butler import Attachment
from butler.app import read_setup
from butler.testing import open_chat
from butler.testing.agents import scripted_agent

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def picture(tmp_path):
    """A picture, as it was fetched."""
    held = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(held, "PNG")
    return kept(tmp_path, "shot.png", held.getvalue(), "picture")


def kept(tmp_path, name, data, kind="document"):
    path = tmp_path / f"fetched-{len(name)}"
    path.write_bytes(data)
    return Attachment(kind, name, "", len(data), path=path)


@pytest.fixture
def said(script, answer):
    """Run with a prompt and files, and return what the agent says of it."""

    async def ran(chat, text, *attachments, says="{prompt} | {files}"):
        script.turns({"say": says})
        before = len(chat.transport.sent)
        await chat(text, attachments=attachments)
        return (await answer(chat, before)).reply.text

    return ran


async def test_a_picture_with_a_caption_belongs_to_its_run(chat, said, picture, tmp_path):
    await chat("/use api")

    text = await said(chat, "/run what is wrong here?", picture)

    inbox = tmp_path / "data" / "runs" / "1" / "inbox"
    assert text.startswith("what is wrong here?\n\nAttached files:\n")
    assert f"{inbox}/shot.png (image/png, " in text
    assert "| image image/png" in text
    assert (inbox / "shot.png").stat().st_mode & 0o777 == 0o600


async def test_an_agent_that_takes_no_pictures_gets_a_link(chat, said, picture, script):
    script["takes_pictures"] = False
    await chat("/use api")

    assert "| resource_link image/png" in await said(chat, "/run look", picture)


async def test_a_document_is_named_and_keeps_its_content(chat, said, tmp_path):
    await chat("/use api")

    text = await said(chat, "/run look", kept(tmp_path, "../log.txt", b"hello"))

    assert "/inbox/log.txt (text/plain, 5 bytes)" in text
    assert (tmp_path / "data/runs/1/inbox/log.txt").read_bytes() == b"hello"


async def test_an_empty_file_is_named(chat, said, tmp_path):
    await chat("/use api")

    text = await said(chat, "/run look", kept(tmp_path, "empty.txt", b""))

    assert "/inbox/empty.txt (application/octet-stream, 0 bytes)" in text


async def test_a_polyglot_has_the_type_of_its_first_bytes(chat, said, tmp_path):
    await chat("/use api")
    polyglot = b"%PDF-1.4\n" + b"PK\x03\x04" + b"<script>alert(1)</script>"

    text = await said(chat, "/run look", kept(tmp_path, "pic.png", polyglot, "picture"))

    assert "/inbox/pic.png.pdf (application/pdf," in text


async def test_a_zip_bomb_is_named_and_never_unpacked(chat, said, tmp_path):
    await chat("/use api")

    text = await said(chat, "/run look", kept(tmp_path, "cv.docx", b"PK\x03\x04" + bytes(1_000)))

    assert "/inbox/cv.docx (application/zip, 1 kB)" in text
    assert (tmp_path / "data/runs/1/inbox/cv.docx").stat().st_size == 1_004


async def test_files_without_words_are_asked_about_and_wait_for_the_run(chat, said, picture):
    direct = chat.chat("+4915112345678@s.whatsapp.net")
    await direct("/use api")

    assert await direct("", attachments=(picture,), media="picture") == ["What shall I do with it?"]
    assert await direct("", attachments=(picture,), media="picture") == [
        "What shall I do with them?"
    ]
    text = await said(direct, "find the error")

    assert "/inbox/shot.png" in text
    assert "/inbox/shot-2.png" in text


async def test_what_was_asked_about_goes_to_one_run_only(chat, said, picture):
    direct = chat.chat("+4915112345678@s.whatsapp.net")
    await direct("/use api")
    await direct("", attachments=(picture,), media="picture")

    assert "inbox" in await said(direct, "/run one")
    assert "inbox" not in await said(direct, "/run two")


async def test_after_ten_minutes_files_wait_no_longer(chat, said, picture, mocker):
    direct = chat.chat("+4915112345678@s.whatsapp.net")
    await direct("/use api")
    await direct("", attachments=(picture,), media="picture")
    mocker.patch("butler_run.history.pending_files.WAIT_S", -1.0)

    assert await direct("find the error") == [
        "Plain text is not a prompt here. /run <prompt>, or /chat on. /help lists the commands."
    ]


async def test_in_a_group_only_a_reply_is_for_the_files(chat, said, picture):
    await chat("/use api")
    await chat("/chat on")
    await chat("", attachments=(picture,), media="picture")
    await chat("/chat off")
    question = chat.transport.sent[-2].id
    assert await chat("find the error") == []

    text = await said(chat, "/run go on")
    assert "inbox" in text
    assert question


async def test_the_files_of_one_person_are_not_for_another(chat, said, picture):
    await chat("/use api")
    await chat("/chat on")
    await chat("", attachments=(picture,), media="picture")
    other = chat.person("+4930123456")

    assert "inbox" not in await said(other, "go on")


async def test_in_a_group_files_without_words_are_nobodys_business(chat, picture):
    await chat("/use api")

    assert await chat("", attachments=(picture,), media="picture") == []
    assert chat.transport.fetched == []


@pytest.mark.parametrize("kind", ["sticker", "voice message"])
async def test_a_sticker_is_not_asked_about(chat, picture, kind):
    direct = chat.chat("+4915112345678@s.whatsapp.net")
    sticker = Attachment(kind, "", "image/webp", 10, path=picture.path)

    (hint,) = await direct("", attachments=(sticker,), media=kind)
    assert hint.startswith("I cannot read a")
    assert chat.transport.fetched == []


async def test_a_queued_run_has_its_files_after_a_restart(
    butler_toml, tmp_path, script, picture, wait_for, answer
):
    path = tmp_path / "butler.toml"
    path.touch(0o600)
    path.write_text(butler_toml)
    script.turns({"wait": None})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        for message in (
            chat.message("/run wait"),
            replace(chat.message("/run look"), attachments=(picture,)),
        ):
            chat.transport.receive(message)
            await chat.transport.wait_until_acknowledged(message)
        await wait_for(chat, "Run 1 started in")
        chat.bot.stop()
    picture.path.unlink()
    script.turns({"say": "{prompt} | {files}"})

    async with open_chat(read_setup(path)) as chat:
        text = (await answer(chat)).reply.text

    assert "/runs/2/inbox/shot.png (image/png, " in text
    assert "| image image/png" in text


async def test_retry_has_the_files_of_the_run_that_it_repeats(chat, said, script, picture, answer):
    await chat("/use api")
    script.turns({"fail": "no luck"})
    before = len(chat.transport.sent)
    await chat("/run look", attachments=(picture,))
    await answer(chat, before)
    picture.path.unlink()

    assert "/runs/2/inbox/shot.png (image/png" in await said(chat, "/retry")


async def test_programs_get_the_folders_and_the_paths(chat, answer, picture):
    await chat("/use api")
    await chat("/agent shell")
    before = len(chat.transport.sent)
    code = 'ls "$BUTLER_INBOX"; echo hello > "$BUTLER_OUTBOX/out.txt"; exit'

    await chat(f"/run {code}", attachments=(picture,))
    text = (await answer(chat, before)).reply.text

    assert "shot.png" in text
    (sent,) = [each.reply for each in chat.transport.sent if each.reply.attachment]
    assert (sent.file_name, sent.attachment.read_text()) == ("out.txt", "hello\n")


async def sent_files(chat, count):
    async with asyncio.timeout(20):
        while len(found := [e.reply for e in chat.transport.sent if e.reply.attachment]) < count:
            await chat.next_reply()
    return found


async def test_what_the_agent_leaves_in_its_outbox_is_sent(chat, run, script):
    await chat("/use api")
    script.turns(
        {"write": "$BUTLER_OUTBOX/b.txt", "content": "text"},
        {"write": "$BUTLER_OUTBOX/a.png", "content": "picture"},
        {"write": "$BUTLER_OUTBOX/.env", "content": "TOKEN=1"},
        {"say": "Look. {instructions}"},
    )

    text = await run(chat)

    assert "save it in the folder $BUTLER_OUTBOX" in text
    assert "Held back: .env looks like a key." in text
    files = await sent_files(chat, 2)
    assert [(each.file_name, each.attachment.read_text()) for each in files] == [
        ("a.png", "picture"),
        ("b.txt", "text"),
    ]


@pytest.mark.parametrize("protocol", ["acp", "claude"])
async def test_a_picture_in_the_answer_is_sent_as_a_picture(
    protocol, butler_toml, tmp_path, picture, answer
):
    encoded = base64.b64encode(picture.path.read_bytes()).decode()
    steps = [{"say": "Look."}, {"picture": encoded}]
    agent = scripted_agent(protocol, tmp_path, {"turns": [steps]})
    kind = '\nkind = "claude"' if protocol == "claude" else ""
    path = tmp_path / "butler.toml"
    path.touch(0o600)
    own = f"\n[plugins.run.agents.painter]\ncommand = {json.dumps(agent)}{kind}\n"
    path.write_text(butler_toml.replace('agent = "scripted"', 'agent = "painter"') + own)
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await chat("/run paint")
        assert "[image: image/png, " in (await answer(chat)).reply.text
        (sent,) = await sent_files(chat, 1)

    assert sent.file_name == "answer-1.png"
    assert sent.attachment.read_bytes() == picture.path.read_bytes()


async def test_a_run_without_files_leaves_no_folder(chat, run, tmp_path):
    await chat("/use api")

    await run(chat)
    await run(chat)

    assert not (tmp_path / "data/runs/1").exists()


async def test_what_is_no_file_is_still_left_out(chat, run, script):
    await chat("/use api")

    (note,) = await chat("/run look", media="location")

    assert note == "The location was left out: I can only pass on text and files."
