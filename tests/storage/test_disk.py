"""A folder that can be written to, or not."""

import errno
import os
from types import SimpleNamespace

import pytest

from butler.storage import disk
from butler.storage.disk import DiskTrouble, disk_trouble


def _volume(mocker, **changes):
    found = {"f_flag": 0, "f_bavail": 1_000_000, "f_frsize": 4_096, **changes}
    mocker.patch.object(disk.os, "statvfs", return_value=SimpleNamespace(**found))


def test_a_folder_that_can_be_written_to_is_left_as_it_was(tmp_path):
    assert disk_trouble(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_nearly_full_counts_as_full(tmp_path, mocker):
    _volume(mocker, f_bavail=760)

    assert disk_trouble(tmp_path) == DiskTrouble("3 MB are free", is_full=True)


def test_a_disk_that_was_mounted_read_only_needs_no_attempt(tmp_path, mocker):
    _volume(mocker, f_flag=os.ST_RDONLY)

    assert disk_trouble(tmp_path, by_writing=False) == DiskTrouble("read-only file system")


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (errno.EDQUOT, DiskTrouble("disk quota exceeded", is_full=True)),
        (errno.EFBIG, DiskTrouble("file too large", is_full=True)),
        (errno.EROFS, DiskTrouble("read-only file system")),
        (errno.EIO, DiskTrouble("input/output error")),
        (errno.EACCES, DiskTrouble("permission denied")),
        (errno.EMFILE, DiskTrouble("too many open files")),
        (errno.ENFILE, DiskTrouble("too many open files in system")),
    ],
)
def test_what_a_write_meets_is_the_reason(tmp_path, mocker, error, trouble):
    failure = OSError(error, os.strerror(error))
    mocker.patch.object(disk.tempfile, "TemporaryFile", side_effect=failure)

    assert disk_trouble(tmp_path) == trouble
    assert disk_trouble(tmp_path, by_writing=False) is None


def test_a_folder_that_is_gone_cannot_be_written_to(tmp_path):
    assert disk_trouble(tmp_path / "gone") == DiskTrouble("no such file or directory")
