"""The journal of a hub that runs for months."""

import time

import pytest

from butler.fleet.journal import KEEP_S, Journal, Placement
from butler.storage.pruning import HOUR_S


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "hub.sqlite3")
    yield journal
    journal.close()


def test_what_is_too_old_goes_while_the_hub_runs(journal, mocker):
    now = mocker.patch("butler.fleet.journal.time.time", return_value=time.time())
    steady = mocker.patch("butler.fleet.journal.boot_time", return_value=1e9)
    journal.place("old", Placement("laptop", "run", "", None, ""), "team@g.us")
    journal.commit()
    now.return_value += KEEP_S + 1
    steady.return_value += HOUR_S + 1
    journal.place("new", Placement("laptop", "run", "", None, ""), "team@g.us")
    journal.commit()

    rows = journal._database.read("SELECT turn FROM placements")
    assert rows == [("new",)]
