"""Figures: series for charts and tables."""

import time

import pytest

from butler.records.link_log import LinkLog
from butler.records.reading import RecordsReader
from butler.records.sqlite import SqliteRecords
from butler.transports.whatsapp import answer_times
from butler.transports.whatsapp.journal.database import FILE_NAME, Journal
from butler.transports.whatsapp.journal.inbox import Key
from butler.web import figures
from panel_kit import summary_of


def at(day, hour=12):
    return time.mktime(time.strptime(f"{day} {hour}", "%Y-%m-%d %H"))


DAYS = ["2026-11-01", "2026-11-02"]


def test_runs_are_counted_by_the_day_they_were_asked_for():
    runs = [summary_of(n, queued_at=at(DAYS[n % 2])) for n in range(3)]

    series = figures.runs_a_day(runs, DAYS)

    assert series.rows == [("2026-11-01", (2,)), ("2026-11-02", (1,))]
    assert [(round(bar.height), bar.kind) for bar in series.bars] == [(150, 0), (75, 0)]


def test_a_day_without_times_has_none():
    series = figures.times_a_day("Wait", [(at(DAYS[0]), 2.0), (at(DAYS[0]), 4.0)], DAYS)

    assert series.rows == [("2026-11-01", (2.0, 4.0)), ("2026-11-02", (None, None))]
    assert series.shown(None) == "–"
    assert series.shown(75.0) == "1 min 15 s"


@pytest.mark.parametrize(
    ("values", "share", "found"), [([], 0.5, None), ([3], 0.99, 3), ([4, 1, 2, 3], 0.5, 2)]
)
def test_a_quantile_is_one_of_the_values(values, share, found):
    assert figures.quantile(values, share) == found


def test_only_runs_that_began_have_waited():
    runs = [summary_of(1, queued_at=10.0, started_at=13.0), summary_of(2, started_at=None)]

    assert figures.queue_waits(runs) == [(10.0, 3.0)]


def test_costs_are_added_and_the_largest_comes_first():
    series = figures.cost_by("Cost", [("api", 1.0), ("web", 5.0), ("api", 2.5)])

    assert series.rows == [("web", (5.0,)), ("api", (3.5,))]
    assert series.shown(3.5) == "$3.50"


def test_the_days_end_with_today():
    assert figures.days_until(at("2026-11-30"), 3) == ["2026-11-28", "2026-11-29", "2026-11-30"]


def test_the_states_of_the_link_follow_each_other():
    changes = [(0.0, "connected", ""), (10.0, "waiting", "no network"), (20.0, "connected", "")]

    assert figures.spans(changes, since=5.0, now=30.0) == [
        ("connected", 5.0, 10.0, ""),
        ("waiting", 10.0, 20.0, "no network"),
        ("connected", 20.0, 30.0, ""),
    ]
    assert figures.spans([], since=5.0, now=30.0) == []


def test_changes_of_the_link_are_kept_with_the_records(tmp_path):
    path = tmp_path / "records.sqlite3"
    SqliteRecords(path)
    log, reader = LinkLog(path), RecordsReader(path)
    assert reader.link_changes() == []

    log.note(1.0, "connected", "")
    log.note(2.0, "waiting", "no network")

    assert reader.link_changes() == [(1.0, "connected", ""), (2.0, "waiting", "no network")]


def test_records_that_cannot_be_written_hold_nobody_up(tmp_path, caplog):
    path = tmp_path / "records.sqlite3"
    path.write_bytes(b"no database, but long enough to look at" * 9)

    LinkLog(path).note(1.0, "connected", "")

    assert "are not recorded" in caplog.text


def test_the_time_to_the_first_answer_is_read_from_the_journal(tmp_path):
    with Journal(tmp_path / FILE_NAME) as journal:
        journal.inbox.add(Key("m1", "team@g.us", "1@lid"), b"")
        journal.outbox.begin("1.1", "team@g.us")
        journal.outbox.sent("1.1", "r1")

        ((came, took),) = answer_times(tmp_path, 0.0)

    assert came > 0
    assert took >= 0
    assert answer_times(tmp_path / "nowhere", 0.0) == []


async def test_the_page_has_a_table_beside_each_chart(owner, source):
    source.known = [summary_of(1, queued_at=time.time() - 9, started_at=time.time(), cost_usd=0.25)]

    html = owner.get("/figures").text

    assert "Cost by repo" in html
    assert html.count("<svg") == html.count('<div class="pair">')
    assert html.count('<div class="pair">') == 4
    assert "$0.25" in html
