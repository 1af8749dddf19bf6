"""Files in the data folder that are damaged, vanish or are replaced."""

import sqlite3
from contextlib import closing

import pytest

from butler.ops.data_files import DataFiles, file_findings


@pytest.fixture
def data(tmp_path):
    tmp_path = tmp_path / "data"
    (tmp_path / "whatsapp").mkdir(parents=True)
    for name in ("grants", "records", "whatsapp/journal"):
        with closing(sqlite3.connect(tmp_path / f"{name}.sqlite3")) as db, db:
            db.execute("CREATE TABLE rows (content TEXT)")
            db.executemany("INSERT INTO rows VALUES (?)", [("x" * 900,)] * 50)
    for name in ("daemon.lock", "pins.key"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def files(data):
    found = DataFiles(data)
    found.look()
    return found


def test_what_is_still_there_is_no_news(files, caplog):
    files.look()

    assert files.lost == []
    assert caplog.records == []


@pytest.mark.parametrize(
    ("name", "costs"),
    [
        ("grants.sqlite3", ": who was allowed or denied from a chat"),
        ("whatsapp/journal.sqlite3", ": the messages in it that are not answered yet"),
        ("daemon.lock", ""),
        ("pins.key", ""),
    ],
)
def test_a_file_that_vanished_is_said_once_and_shown_until_it_is_back(
    files, data, caplog, name, costs
):
    (data / name).rename(data / "away")
    files.look()
    files.look()
    lost = files.lost
    (data / "away").rename(data / name)
    files.look()

    assert [each.message for each in caplog.records] == [
        f"{data / name} has vanished while Butler runs, so what it writes there is lost{costs}. "
        "Put the file back if you can, then restart Butler."
    ]
    assert lost == [str(data / name)]
    assert files.lost == []


def test_a_file_that_another_one_replaced_is_said(files, data, caplog):
    path = data / "grants.sqlite3"
    copy = data / "copy"
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    files.look()

    assert f"{path} was replaced while Butler runs" in caplog.text


@pytest.mark.parametrize("name", ["whatsapp", "."])
def test_a_folder_that_vanished_is_said_in_one_sentence(files, data, caplog, name):
    folder = (data / name).resolve()
    away = data.parent / "away"
    folder.rename(away)
    files.look()
    files.look()
    lost = files.lost
    away.rename(folder)
    files.look()

    assert [each.message for each in caplog.records] == [
        f"{folder} has vanished while Butler runs, so what it writes there is lost. "
        "Put the folder back if you can, then restart Butler."
    ]
    assert lost == [str(folder)]
    assert files.lost == []


def test_the_records_see_to_their_file_themselves(files, data, caplog):
    (data / "records.sqlite3").unlink()
    files.look()

    assert caplog.records == []


def test_check_names_the_damaged_databases_with_what_moving_them_aside_costs(data):
    path = data / "whatsapp" / "journal.sqlite3"
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)

    sound, damaged, disk = file_findings(data)

    assert (sound.is_fine, sound.detail) == (True, "2 sound")
    assert not damaged.is_fine
    assert damaged.detail.startswith(f"{path}: ")
    assert damaged.detail.endswith(
        "end Butler, then put back a copy of the file, or move it aside, "
        "which costs the messages in it that are not answered yet"
    )
    assert disk.detail.endswith(" MB free")
