"""Files of messages on the wire: what arrives, and what is fetched."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import replace

import pytest

from butler.chat.message import Reply
from butler.errors import TransportError, UserError
from whatsapp_daemon import daemon, eventually
from whatsapp_server import contents

pytestmark = pytest.mark.wire

DATA = b"\x89PNG\r\n\x1a\n" + b"x" * 100_000


def kinds(media):
    def file(kind):
        return media.store(DATA, kind)

    return {
        "picture": contents.image("look", file=file("image")),
        "document": contents.document("look", "../a b.png", file=file("document")),
        "video": contents.video("look", file=file("video")),
        "voice message": contents.audio(file=file("audio")),
        "audio file": contents.audio(is_voice=False, file=file("audio")),
        "sticker": contents.sticker(file=file("image")),
    }


async def test_every_kind_of_file_is_described_and_fetched_also_from_wrappers(server, folder):
    alice = server.person("Alice")
    sent = kinds(server.media)
    sent |= {f"{name}, wrapped": contents.ephemeral(each) for name, each in sent.items()}
    sent["video, round"] = contents.video_note(file=server.media.store(DATA, "video"))
    sent["picture, once"] = contents.view_once(kinds(server.media)["picture"])

    async with daemon(folder, echoes=False) as bot:
        receiving = aiter(bot.transport.messages())
        for name, content in sent.items():
            await server.send(content, sender=alice)
            message = await anext(receiving)
            (described,) = message.attachments
            assert (described.kind, described.size) == (name.partition(",")[0], len(DATA))
            assert described.path is None

            (fetched,) = await bot.transport.fetch(message)

            assert fetched.path.read_bytes() == DATA
            assert fetched.path.name == described.digest
            await bot.transport.acknowledge(message)


async def test_nothing_is_fetched_unless_it_is_asked_for(server, folder):
    alice = server.person("Alice")

    async with daemon(folder) as bot:
        await server.send(
            contents.image("/look", file=server.media.store(DATA, "image")), sender=alice
        )
        await server.next_reply()
        assert bot.messages[0].attachments

    assert server.media.requests == []


async def test_a_file_that_has_expired_is_said(server, folder):
    alice = server.person("Alice")
    file = server.media.store(DATA, "image")
    server.media.expire(file)

    async with daemon(folder, echoes=False) as bot:
        await server.send(contents.image("/look", file=file), sender=alice)
        message = await anext(aiter(bot.transport.messages()))
        with pytest.raises(UserError, match="WhatsApp no longer has this file"):
            await bot.transport.fetch(message)
        await bot.transport.acknowledge(message)


async def test_a_gateway_that_dies_while_it_fetches_is_asked_again(server, folder):
    alice = server.person("Alice")
    server.media.is_stalling = True

    async with daemon(folder, echoes=False) as bot:
        await server.send(
            contents.image("/look", file=server.media.store(DATA, "image")), sender=alice
        )
        message = await anext(aiter(bot.transport.messages()))
        fetching = asyncio.create_task(bot.transport.fetch(message))
        await eventually(lambda: server.media.requests)
        server.media.is_stalling = False
        with suppress(ProcessLookupError):
            os.kill(bot.gateway_id, signal.SIGKILL)
        (fetched,) = await fetching
        await bot.transport.acknowledge(message)

    assert fetched.path.read_bytes() == DATA


async def test_a_file_is_fetched_after_a_crash_as_its_message_is_not_begun(server, folder):
    alice = server.person("Alice")
    file = server.media.store(DATA, "image")

    async with daemon(folder, echoes=False) as bot:
        await server.send(contents.image("/look", file=file), sender=alice)
        first = await anext(aiter(bot.transport.messages()))
        await bot.transport.fetch(first)

    async with daemon(folder, echoes=False) as bot:
        again = await anext(aiter(bot.transport.messages()))
        (fetched,) = await bot.transport.fetch(again)
        await bot.transport.acknowledge(again)

    assert again == first
    assert fetched.path.read_bytes() == DATA
    assert len(server.media.requests) == 1
    assert replace(fetched, path=None) == again.attachments[0]


async def sent(server, bot, chat_id, path, **details):
    sending = asyncio.create_task(
        bot.transport.send(chat_id, Reply("Look", attachment=path, **details))
    )
    reply = await server.next_reply()
    await sending
    return reply


async def test_a_picture_is_sent_as_a_picture_and_everything_else_as_a_document(
    server, folder, tmp_path
):
    alice = server.person("Alice")
    files = {
        "a.png": (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "image", "image/png"),
        "b.jpg": (b"\xff\xd8\xff" + b"x" * 100, "image", "image/jpeg"),
        "c.pdf": (b"%PDF-1.4", "document", "application/pdf"),
        "d.gif": (b"GIF89a", "document", "image/gif"),
        "e.txt": (b"", "document", "application/octet-stream"),
    }

    async with daemon(folder) as bot:
        for name, (data, kind, media_type) in files.items():
            path = tmp_path / name
            path.write_bytes(data)
            reply = await sent(server, bot, alice.lid_jid.user + "@lid", path)

            document = reply.document
            assert (document.kind, document.data, document.caption) == (kind, data, "Look")
            assert document.mime_type == media_type
            assert document.file_name == ("" if kind == "image" else name)


async def test_a_file_is_sent_as_it_was_when_it_was_handed_over(server, folder, tmp_path):
    alice = server.person("Alice")
    path = tmp_path / "a.txt"
    path.write_text("before")
    server.faults.shut()

    async with daemon(folder) as bot:
        sending = asyncio.create_task(
            bot.transport.send(alice.lid_jid.user + "@lid", Reply("", attachment=path))
        )
        await eventually(lambda: bot.transport._delivery._pending)
        path.write_text("after")
        await server.faults.reopen()
        reply = await server.next_reply()
        await sending

    assert reply.document.data == b"before"


async def test_a_file_that_is_too_large_or_gone_is_not_sent(server, folder, tmp_path):
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, 16_000_001)

    async with daemon(folder) as bot:
        for path, why in ((large, "larger than 16 MB"), (tmp_path / "none", "No such file")):
            with pytest.raises(TransportError, match=why):
                await bot.transport.send("1@lid", Reply("", attachment=path))

    assert server.replies == []
