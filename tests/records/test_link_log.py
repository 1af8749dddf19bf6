"""The log of the link's changes."""

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
