import json
import os
from pathlib import Path

import pytest

from butler.errors import UserError
from butler.testing import make_message
from butler.transports.console.files import attached, attachment, fetched
from butler_process import line, replies, run_butler, write_config

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def shot(tmp_path):
    path = tmp_path / "my shot.png"
    path.write_bytes(PNG)
    return path


async def test_a_typed_at_sign_attaches_the_file_and_leaves_the_text(shot):
    message = await attached(make_message(f'/run what is wrong @"{shot}" here'))

    (found,) = message.attachments
    assert message.text == "/run what is wrong  here"
    assert (found.kind, found.name, found.size, found.path) == ("picture", shot.name, 8, shot)
    assert message.media == "picture"


@pytest.mark.parametrize("text", ["/run @claude do it", "mail a@b.c", "@", '@"', "/run @/nowhere"])
async def test_a_word_that_names_no_file_is_left(text):
    message = await attached(make_message(text))

    assert (message.text, message.attachments) == (text, ())


async def test_a_folder_is_no_attachment(tmp_path):
    assert (await attached(make_message(f"@{tmp_path}"))).attachments == ()


async def test_a_fetched_file_has_its_digest(shot):
    message = make_message(attachments=(attachment(shot),))

    (found,) = await fetched(message)

    assert found.digest == "4c4b6a3be1314ab86138bef4314dde022e600960d8689a2c8f8631802d20dab6"


async def test_a_file_that_has_gone_is_said(shot):
    message = make_message(attachments=(attachment(shot),))
    shot.unlink()

    with pytest.raises(UserError, match=r"my shot.png cannot be read: No such file"):
        await fetched(message)


def test_a_device_or_a_pipe_is_never_attached(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(OSError, match="not a file"):
            attachment(path)


def test_json_lines_say_which_file_cannot_be_attached(tmp_path):
    config = write_config(tmp_path, '[access]\nchats = ["team@g.us"]\n')
    text = line("/run look", attachments=[str(tmp_path / "none.png")])

    ended = run_butler("console", "--jsonl", "--config", config, text=text)

    (reply,) = replies(ended.stdout)
    assert reply == {
        "error": f"attachments: {tmp_path}/none.png: No such file or directory.",
        "line": 1,
    }
    assert json.loads(ended.stdout) == reply
