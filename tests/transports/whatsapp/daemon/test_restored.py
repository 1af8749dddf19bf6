"""An old copy of the data folder that is put back."""

import pytest

from butler.transports.whatsapp import ask_about_open_turns
from butler.transports.whatsapp.daemon.started_marks import FILE_NAME, StartedMarks
from butler.transports.whatsapp.journal.database import FILE_NAME as JOURNAL
from butler.transports.whatsapp.journal.database import Journal
from butler.transports.whatsapp.journal.inbox import Key


@pytest.fixture
def folder(tmp_path):
    with Journal(tmp_path / JOURNAL) as journal:
        for number in range(1, 4):
            journal.inbox.add(Key(f"A{number}", "1@g.us", "2@lid"), b"event")
        journal.inbox.finish([2])
        keys = ("1.1", "1.2", "2.1", "3.1")
        journal.outbox.ask("1@g.us", [(key, b"reply") for key in keys])
        journal.outbox.begin("3.1", "1@g.us")
        journal.outbox.sent("3.1", "3EB0")
    return tmp_path


def test_what_is_open_in_it_counts_as_begun_and_no_reply_is_sent_again(folder):
    assert ask_about_open_turns(folder) == 2

    marks = StartedMarks(folder / FILE_NAME)
    found = [marks.earlier(row, f"A{row}") for row in (1, 2, 3)]
    marks.close()
    assert [mark is not None and mark.is_told for mark in found] == [True, False, True]
    with Journal(folder / JOURNAL) as journal:
        assert journal.outbox.waiting() == []
        assert journal.outbox.outcome("1.1") is None  # so that its chat can be asked
        for key in ("1.2", "2.1"):
            assert journal.outbox.outcome(key).reason == "restored from a copy"
        assert journal.outbox.outcome("3.1").message_id == "3EB0"


def test_without_a_journal_there_is_nothing_to_ask_about(tmp_path):
    assert ask_about_open_turns(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []
