"""Undoing a run that put folders, links and files in each other's place."""

import asyncio
import itertools
import os
import shutil
from pathlib import Path

import pytest

from butler import GitError, UserError
from butler.testing import make_working_copy
from butler_run.snapshots.checked_objects import CheckedObjects
from butler_run.snapshots.snapshots import Moment, SnapshotFolder


@pytest.fixture
def copy(tmp_path):
    """Return a working copy that lies beside a file which is none of its business."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("not yours\n")
    copy = make_working_copy(tmp_path / "copy")
    (copy / "folder").mkdir()
    (copy / "folder" / "file").write_text("1\n")
    (copy / ".gitignore").write_text("*.log\n")
    return copy


def _folder_for_file(copy):
    (copy / "README.md").unlink()
    (copy / "README.md" / "deep").mkdir(parents=True)
    (copy / "README.md" / "deep" / "file").write_text("2\n")


def _file_for_folder(copy):
    shutil.rmtree(copy / "folder")
    (copy / "folder").write_text("2\n")


def _link_for_folder(copy):
    shutil.rmtree(copy / "folder")
    (copy / "folder").symlink_to("../outside")


def _folder_for_link(copy):
    (copy / "link").unlink()
    (copy / "link").mkdir()
    (copy / "link" / "file").write_text("2\n")


def _other_target(copy):
    (copy / "link").unlink()
    (copy / "link").symlink_to("gone")


def _new_file_with_an_odd_name(copy):
    for name in ("-f", "two\nlines", "quo'te\"", ":(top)x", "ü", os.fsdecode(b"\xff")):
        (copy / name).write_text("2\n")


def _renamed_and_executable(copy):
    (copy / "folder" / "file").rename(copy / "moved")
    (copy / "README.md").chmod(0o755)


WORKS = [
    _folder_for_file,
    _file_for_folder,
    _link_for_folder,
    _folder_for_link,
    _other_target,
    _new_file_with_an_odd_name,
    _renamed_and_executable,
]


def snapshots_of(folder, max_file_mb=100):
    return SnapshotFolder(folder.parent / "store", max_file_mb).of(folder)


def _all_of(folder: Path):
    """Return what the files hold, and their modes; git knows no empty folders."""
    return {
        path.relative_to(folder): (path.lstat().st_mode, _content(path))
        for path in folder.rglob("*")
        if ".git" not in path.relative_to(folder).parts and (path.is_symlink() or path.is_file())
    }


def _content(path: Path):
    return path.readlink() if path.is_symlink() else path.read_bytes()


async def _run(copy, work):
    before = await snapshots_of(copy).take(1, Moment.BEFORE)
    work(copy)
    return before, await snapshots_of(copy).take(1, Moment.AFTER)


@pytest.mark.parametrize("work", WORKS)
async def test_undo_puts_each_thing_back_in_its_place(copy, tmp_path, work):
    (copy / "link").symlink_to("folder")
    was = _all_of(copy)
    before, after = await _run(copy, work)

    await snapshots_of(copy).undo(before, after)

    assert _all_of(copy) == was
    assert (tmp_path / "outside" / "file").read_text() == "not yours\n"


@pytest.mark.parametrize("work", WORKS)
async def test_an_undo_that_breaks_off_takes_itself_back(copy, tmp_path, work, mocker):
    (copy / "link").symlink_to("folder")
    before, after = await _run(copy, work)
    left = _all_of(copy)
    put, calls = CheckedObjects.put, itertools.count()

    async def break_off_once(self, entries, side):
        await put(self, entries, side)
        if next(calls) == 0:
            raise GitError("the disk is full.")

    mocker.patch.object(CheckedObjects, "put", break_off_once)

    with pytest.raises(UserError, match=r"^Nothing was undone: the disk is full"):
        await snapshots_of(copy).undo(before, after)

    assert _all_of(copy) == left
    assert (tmp_path / "outside" / "file").read_text() == "not yours\n"


async def test_undo_does_not_remove_an_ignored_file_with_its_folder(copy):
    before, after = await _run(copy, _folder_for_file)
    (copy / "README.md" / "mine.log").write_text("mine\n")

    with pytest.raises(UserError, match=r"what git ignores: README\.md/mine\.log\.$"):
        await snapshots_of(copy).undo(before, after)

    assert (copy / "README.md" / "mine.log").read_text() == "mine\n"
    assert (copy / "README.md" / "deep" / "file").read_text() == "2\n"


async def test_some_can_take_snapshots_at_the_same_time(copy):
    snapshots = snapshots_of(copy)

    await asyncio.gather(*(snapshots.take(number, Moment.BEFORE) for number in range(4)))

    (store,) = (copy.parent / "store").iterdir()
    assert not list(store.glob("work-*"))


async def test_a_folder_with_a_line_end_in_its_name_is_refused(tmp_path):
    copy = make_working_copy(tmp_path / "two\nlines")

    with pytest.raises(GitError, match="contains a line break"):
        await snapshots_of(copy).take(1, Moment.BEFORE)
