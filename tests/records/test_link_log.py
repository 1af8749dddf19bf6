"""The log of the link's changes."""

import errno

from butler.records.link_log import LinkLog


def test_a_folder_that_vanished_is_not_made_again_and_is_said_once(tmp_path, caplog):
    path = tmp_path / "data" / "records.sqlite3"
    log = LinkLog(path)

    for state in ("connecting", "connected"):
        log.note(1.0, state, "")

    assert not path.parent.exists()
    assert [each.getMessage() for each in caplog.records] == [
        f"changes of the link are not recorded: {path} has vanished."
    ]


def test_a_disk_that_cannot_be_read_is_said_and_ends_nothing(tmp_path, mocker, caplog):
    mocker.patch("pathlib.Path.exists", side_effect=OSError(errno.EIO, "Input/output error"))

    LinkLog(tmp_path / "records.sqlite3").note(1.0, "connected", "")

    assert "cannot be read: Input/output error" in caplog.text
