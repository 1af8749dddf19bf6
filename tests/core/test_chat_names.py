"""What chats are called, and to whom: names come from outside, and not everybody may read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butler.access.rules import Role
from butler.chat.message import Message, Person
from butler.chat.text import readable
from butler.core.chat_names import ChatNames
from butler.testing import OWNER, FakeTransport

TEAM, BOARD, TWIN, ALICE = "1@g.us", "2@g.us", "3@g.us", "77@lid"
NAMES = {TEAM: "Team", BOARD: "Board", TWIN: "Board", ALICE: "+4930111111"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Backend team", "Backend team"),
        ("  Büro\u00a0🚀 \t Süd\r\n", "Büro 🚀 Süd"),
        ("*bold* _it_ ~no~ `x`", "∗bold∗ ＿it＿ ∼no∼ ˋxˋ"),
        ("red\x1b[31m\x00", "red\ufffd[31m\ufffd"),
        ("gro\u202epuor\u2066", "gropuor"),
        ("👨\u200d👩\u200d👧", "👨👩👧"),
        ("a" * 60, "a" * 60),
        ("a" * 100_000, "a" * 60 + "…"),
        ("%s{0}';--../\\", "%s{0}';--../\\"),
        ("\u200b \n", ""),
        ("", ""),
    ],
)
def test_a_name_is_shown_as_one_line_without_mark_up(name, shown):
    assert readable(name) == shown


@given(st.text())
def test_no_name_is_anything_but_a_short_line_of_plain_text(name):
    shown = readable(name)

    assert shown == "" or shown.isprintable()
    assert len(shown) <= 61
    assert shown == shown.strip() == readable(shown)
    assert not set(shown) & set("*_~`")


def names_in(chat_id, role=Role.OWNER, *, is_own=False):
    """Return the names for the answer to a message in this chat."""
    transport = FakeTransport()
    transport.chat_names.update(NAMES)
    message = Message("m", chat_id, OWNER, "/sessions", 0.0, is_own=is_own)
    return ChatNames.in_answer(message, role, transport)


@pytest.mark.parametrize(
    ("names", "is_private"),
    [
        (names_in("12@lid"), True),
        (names_in("owner@lid", is_own=True), True),
        (names_in("12@lid", Role.USER), False),
        (names_in(TWIN), False),
        (names_in(TWIN, is_own=True), False),
        (names_in(ALICE, is_own=True), False),
    ],
    ids=["owner", "to oneself", "user", "owner in a group", "account in a group", "to somebody"],
)
def test_other_chats_are_named_only_where_nobody_but_an_owner_reads_it(names, is_private):
    assert names.may_tell_of(TEAM) is is_private
    assert names.called(TEAM) == ("*Team*" if is_private else "another chat")
    assert names.listed(TEAM) == ("*Team*" if is_private else TEAM)


def test_whoever_types_in_a_terminal_is_alone_there():
    transport = FakeTransport()
    transport.owner_chat_id = None
    message = Message("m", "console", Person(), "/who", 0.0, is_own=True)

    assert ChatNames.in_answer(message, Role.OWNER, transport).is_private


@pytest.mark.parametrize("role", list(Role))
def test_a_chat_may_read_its_own_name(role):
    names = names_in(TWIN, role)

    assert names.called(TWIN) == "this chat"
    assert names.listed(TWIN) == "*Board*"


def test_a_chat_with_a_person_is_called_by_the_number():
    names = names_in("12@lid")

    assert names.called(ALICE) == "the chat with +4930111111"
    assert names.listed(ALICE) == "+4930111111"


def test_a_list_tells_groups_of_one_name_apart_by_their_ids():
    names = names_in("12@lid")

    assert names.listed(BOARD) == "*Board* (2@g.us)"
    assert names.listed(TWIN) == "*Board* (3@g.us)"
    assert names.listed(TEAM, with_id=True) == "*Team* (1@g.us)"


def test_a_chat_without_a_name_is_listed_by_its_id():
    names = names_in("12@lid")

    assert names.called("9@g.us") == "another chat"
    assert names.listed("9@g.us", with_id=True) == "9@g.us"
