"""What processes on one data folder ask of each other."""

import asyncio
import os
import socket
import stat

import pytest

from butler.errors import UserError
from butler.ops.control import FOLDER_NAME, MAX_BYTES, answering, ask_process


async def reply(plugin, text):
    if text == "no":
        raise UserError("Not that.")
    return f"{plugin} heard {text}"


@pytest.fixture
async def folder(tmp_path, monkeypatch):
    """A data folder in which this process answers; short, as names of sockets have to be."""
    monkeypatch.chdir(tmp_path)
    async with answering(tmp_path, reply):
        yield tmp_path


def socket_of(folder):
    return folder / FOLDER_NAME / f"{os.getpid()}.sock"


async def test_a_question_is_answered_by_the_plugin(folder):
    assert await ask_process(folder, os.getpid(), "run", "14 ä@g.us") == "run heard 14 ä@g.us"


async def test_a_refusal_is_the_reply_for_the_chat(folder):
    with pytest.raises(UserError, match=r"^Not that\.$"):
        await ask_process(folder, os.getpid(), "run", "no")


async def test_the_socket_is_for_its_owner_only_and_goes_at_the_end(tmp_path):
    async with answering(tmp_path, reply):
        assert stat.S_IMODE(socket_of(tmp_path).stat().st_mode) == 0o600
        assert stat.S_IMODE(socket_of(tmp_path).parent.stat().st_mode) == 0o700

    assert not socket_of(tmp_path).exists()


async def test_a_process_that_is_not_there_is_one_sentence(folder):
    with pytest.raises(UserError, match=r"^The other Butler \(process 1\) does not answer\."):
        await ask_process(folder, 1, "run", "14")


async def test_another_user_is_not_answered(folder, mocker):
    mocker.patch("butler.ops.control.os.getuid", return_value=os.getuid() + 1)

    with pytest.raises(UserError, match="does not answer"):
        await ask_process(folder, os.getpid(), "run", "14")


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b'{"type":"quit"}\n', b"", b"x" * (MAX_BYTES + 1) + b"\n"]
)
async def test_what_is_no_question_ends_only_its_connection(folder, line):
    reader, writer = await asyncio.open_unix_connection(socket_of(folder))
    writer.write(line)
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()

    assert await ask_process(folder, os.getpid(), "run", "14") == "run heard 14"


async def test_a_socket_that_was_left_behind_is_replaced(tmp_path):
    socket_of(tmp_path).parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(socket_of(tmp_path)))

    async with answering(tmp_path, reply):
        assert await ask_process(tmp_path, os.getpid(), "run", "14") == "run heard 14"


async def test_without_a_socket_butler_works_on(tmp_path, caplog, mocker):
    mocker.patch("butler.ops.control._DESCRIPTORS", tmp_path / "none")
    folder = tmp_path / ("long" * 30)

    async with answering(folder, reply):
        assert "no control socket" in caplog.text


async def test_a_data_folder_with_a_long_path_has_a_socket_too(tmp_path):
    folder = tmp_path / ("a long name of a folder " * 8)

    async with answering(folder, reply):
        assert stat.S_IMODE(socket_of(folder).stat().st_mode) == 0o600
        assert await ask_process(folder, os.getpid(), "run", "14") == "run heard 14"

    assert not socket_of(folder).exists()
