"""A data folder, and copies of it that are put back."""

import json
import shutil

import pytest

from butler.storage.generation import FILE_NAME, Generation, mark_restored


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    Generation(folder).settle()
    return folder


def test_a_new_folder_is_no_copy(tmp_path):
    first = Generation(tmp_path)

    assert (first.number, first.is_restored) == (1, False)


def test_a_folder_that_stays_or_is_moved_is_no_copy(data, tmp_path):
    Generation(data).settle()
    data.rename(tmp_path / "moved")
    moved = Generation(tmp_path / "moved")

    assert (moved.number, moved.is_restored) == (1, False)


def test_a_copy_that_is_put_back_is_one_until_it_is_settled(data, tmp_path):
    shutil.copytree(data, tmp_path / "copy")
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "copy", data)
    copy = Generation(data)
    still = Generation(data)
    copy.settle()
    settled = Generation(data)

    assert (copy.number, copy.is_restored) == (2, True)
    assert still.is_restored
    assert (settled.number, settled.is_restored) == (2, False)


def test_another_machine_is_another_generation(data, tmp_path, mocker):
    (tmp_path / "machine-id").write_text("of another one")
    mocker.patch("butler.storage.generation._MACHINE_IDS", (tmp_path / "machine-id",))

    assert Generation(data).is_restored


def test_the_id_of_the_machine_stays_private(data, tmp_path, mocker):
    (tmp_path / "machine-id").write_text("0123456789abcdef")
    mocker.patch("butler.storage.generation._MACHINE_IDS", (tmp_path / "machine-id",))
    Generation(data).settle()

    assert "0123456789abcdef" not in (data / FILE_NAME).read_text()


def test_what_was_restored_from_a_backup_is_a_copy(data):
    mark_restored(data)

    assert (Generation(data).number, Generation(data).is_restored) == (2, True)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", json.dumps({"generation": "x"}).encode()])
def test_a_file_that_is_damaged_ends_nothing(data, content):
    (data / FILE_NAME).write_bytes(content)
    Generation(data).settle()

    assert not Generation(data).is_restored
