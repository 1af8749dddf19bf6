"""A picture from a phone to a run and back: Butler as its operator has it, and the real library."""

import io

import pytest
from PIL import Image

from crash_series import Butler, link, write_config
from whatsapp_server import contents
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = pytest.mark.wire

AGENT = """
[plugins.run]
sandbox = "off"
agent = "copy"
[plugins.run.agents.copy]
kind = "command"
command = ["sh", "-c", "cat; cp $BUTLER_INBOX/* $BUTLER_OUTBOX/"]
"""


def photo(color):
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    held = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(held, "JPEG", exif=exif.tobytes())
    return held.getvalue()


async def test_pictures_of_one_album_reach_a_run_and_what_it_leaves_comes_back(
    whatsapp_server, tmp_path
):
    server = whatsapp_server
    alice, eve = server.person("Alice"), server.person("Eve")
    config = write_config(tmp_path, people=[alice])
    text = config.read_text().replace('["session"]', '["session", "run"]')
    config.write_text(text + AGENT)
    await link(server, config)

    async with Butler(config, server, "run"):
        await server.send_text("/use api", sender=alice)
        await server.next_reply()
        strange = contents.image("/run look", file=server.media.store(photo("red"), "image"))
        await server.send(strange, sender=eve)
        for caption, color in (("/run look", "green"), ("", "blue")):
            file = server.media.store(photo(color), "image")
            await server.send(contents.image(caption, file=file), sender=alice)
        replies = [await server.next_reply()]
        while sum(each.document is not None for each in replies) < 2:
            replies.append(await server.next_reply())

    files = [each.document for each in replies if each.document]
    assert [each.kind for each in files] == ["image", "image"]
    assert all(Image.open(io.BytesIO(each.data)).size == (64, 48) for each in files)
    assert not any(Image.open(io.BytesIO(each.data)).getexif() for each in files)
    assert any("Attached files:" in each.text for each in replies)
    # Not the stranger's.
    assert sum(each.method == "GET" for each in server.media.requests) == 2
