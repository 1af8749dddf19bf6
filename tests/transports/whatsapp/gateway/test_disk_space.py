"""A disk that is full or takes no writes ends the gateway."""

import asyncio

import pytest

from butler.errors import DataError, LastingDataError
from butler.storage.disk import DiskTrouble
from butler.transports.whatsapp.gateway import disk_space
from butler.transports.whatsapp.gateway.disk_space import DiskSpace, lack, unusable


def test_a_disk_with_room_is_no_reason_to_end(tmp_path):
    assert lack(tmp_path) is None


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (
            DiskTrouble("3 MB are free", is_full=True),
            "The disk of {} is full (3 MB are free). Once at least 17 MB are free, "
            "Butler continues; until then WhatsApp keeps new messages.",
        ),
        (
            DiskTrouble("read-only file system"),
            "The folder {} cannot be written to (read-only file system). Once it can be, "
            "Butler continues; until then WhatsApp keeps new messages.",
        ),
    ],
)
def test_a_disk_that_takes_no_writes_is_a_reason_to_wait(tmp_path, mocker, trouble, sentence):
    mocker.patch.object(disk_space, "disk_trouble", return_value=trouble)

    ended = lack(tmp_path)

    assert ended.sentence == sentence.format(tmp_path)
    assert not ended.is_final


@pytest.mark.parametrize(("error", "is_final"), [(DataError, False), (LastingDataError, True)])
def test_only_what_a_person_has_to_mend_ends_the_link(error, is_final):
    assert unusable(error("Broken.")).is_final is is_final


async def test_lack_of_room_ends_the_gateway_soon(tmp_path, mocker):
    mocker.patch.object(disk_space, "LOOK_EVERY_S", 0.0)
    full = disk_space.Ended("full", "Full.")
    looks = mocker.patch.object(disk_space, "lack", side_effect=[*[None] * 11, full])
    ends = []

    async with asyncio.timeout(30):
        await DiskSpace(tmp_path, ends.append).watch()

    assert ends == [full]
    assert [each.kwargs["by_writing"] for each in looks.call_args_list].count(True) == 2
