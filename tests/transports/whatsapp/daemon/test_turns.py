"""The turns in hand."""

from dataclasses import replace

import pytest

from butler.chat.message import Message, Person
from butler.transports.whatsapp.daemon.turns import Turns

OLD = Message("A1", "1@lid", Person(lid="1@lid"), "/use ap", 0.0)
NEW = replace(OLD, text="/use api", sender=Person("+491", "1@lid"))


@pytest.fixture
def turns():
    turns = Turns()
    turns.add(7, OLD)
    return turns


def test_only_another_text_is_an_edit(turns):
    assert turns.is_edit(7, NEW)
    assert not turns.is_edit(7, replace(NEW, text=OLD.text))
    assert not turns.is_edit(8, NEW)


def test_what_was_replaced_begins_and_ends_without_its_row(turns):
    assert turns.replace(7, NEW)

    assert turns.is_withdrawn(OLD)
    assert turns.begin(OLD) is None
    assert turns.end(OLD) is None
    assert not turns.is_withdrawn(NEW)
    assert turns.begin(NEW) == 7
    assert turns.end(NEW) == 7
    assert NEW not in turns


def test_a_turn_may_be_edited_more_than_once(turns):
    newer = replace(NEW, text="/use web")
    turns.replace(7, NEW)
    turns.replace(7, newer)

    assert [turns.is_withdrawn(each) for each in (OLD, NEW, newer)] == [True, True, False]
    assert [turns.end(each) for each in (OLD, NEW, newer)] == [None, None, 7]


@pytest.mark.parametrize(
    "change", [lambda turns: turns.begin(OLD), lambda turns: turns.withdraw(7)]
)
def test_a_turn_that_has_begun_or_was_withdrawn_is_not_replaced(turns, change):
    change(turns)

    assert not turns.replace(7, NEW)
    assert turns.end(OLD) == 7
