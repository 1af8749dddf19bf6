"""A disk that is full, or nearly."""

import asyncio
import errno
import os
import shutil

import pytest

from butler.transports.whatsapp.gateway import disk_space
from butler.transports.whatsapp.gateway.disk_space import DiskSpace, lack


def test_a_disk_with_room_is_no_reason_to_end(tmp_path):
    assert lack(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_nearly_full_is_a_reason_to_wait(tmp_path, mocker):
    usage = shutil.disk_usage(tmp_path)._replace(free=3_100_000)
    mocker.patch.object(disk_space.shutil, "disk_usage", return_value=usage)

    ended = lack(tmp_path)

    assert ended.sentence == (
        f"The disk of {tmp_path} is full (3 MB are free). Once at least 17 MB are free, "
        "Butler continues; until then WhatsApp keeps new messages."
    )
    assert not ended.is_final


def test_a_quota_that_is_used_up_counts_like_a_full_disk(tmp_path, mocker):
    used_up = OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
    mocker.patch.object(disk_space.tempfile, "TemporaryFile", side_effect=used_up)

    assert "(Disk quota exceeded)" in lack(tmp_path).sentence


def test_what_else_is_wrong_with_a_folder_is_no_lack_of_room(tmp_path):
    assert lack(tmp_path / "gone") is None


@pytest.mark.parametrize("is_doubted", [True, False])
async def test_lack_of_room_ends_the_gateway_soon(tmp_path, mocker, is_doubted):
    if not is_doubted:
        mocker.patch.object(disk_space, "LOOK_EVERY_S", 0.01)
    full = disk_space.Ended("full", "Full.")
    mocker.patch.object(disk_space, "lack", side_effect=[None, None, full])
    ends = []
    watched = DiskSpace(tmp_path, ends.append)

    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watched.watch())
        while not watching.done():
            if is_doubted:
                watched.doubt()
            await asyncio.sleep(0)

    assert ends == [full]
