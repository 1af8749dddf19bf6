"""How the gateway learns names, without the library."""

import asyncio
import time

import pytest
from google.protobuf.message import DecodeError
from neonize.exc import NeonizeError

from butler.chat.message import Person
from butler.transports.whatsapp import stored_names
from butler.transports.whatsapp.gateway import group_names
from butler.transports.whatsapp.gateway.group_names import GroupNames
from butler.transports.whatsapp.journal import names
from butler.transports.whatsapp.journal.database import FILE_NAME, Journal
from butler.transports.whatsapp.protocol.frames import ChatName
from whatsapp_daemon import eventually

TEAM, BOARD, ALICE = "1@g.us", "2@g.us", "77@lid"


class Library:
    """Tells subjects; what is an exception it raises, what is missing it never tells."""

    def __init__(self):
        self.subjects = {TEAM: "Team", BOARD: "Board"}
        self.asked = []

    async def group_subject(self, chat_id):
        self.asked.append(chat_id)
        if chat_id not in self.subjects:
            await asyncio.Event().wait()
        subject = self.subjects[chat_id]
        if isinstance(subject, Exception):
            raise subject
        return subject


class Learning:
    """GroupNames at work, and what it told the daemon."""

    def __init__(self, journal):
        self.client = Library()
        self.told = asyncio.Queue()
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.naming = GroupNames(self.client, journal, self.told.put, self.is_open)

    async def __aenter__(self):
        self._task = asyncio.create_task(self.naming.learn())
        return self

    async def __aexit__(self, *_error):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def learn(self, *chat_ids):
        """Want these names; return the next that is told."""
        for chat_id in chat_ids:
            self.naming.want(chat_id)
        return await self.told.get()


@pytest.fixture(autouse=True)
def without_haste_or_waste(monkeypatch):
    monkeypatch.setattr(group_names, "PAUSE_S", 0.0)
    monkeypatch.setattr(group_names, "ASK_LIMIT_S", 0.05)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / FILE_NAME) as journal:
        yield journal


async def test_a_group_is_asked_for_once_a_day(journal, mocker):
    now = time.time()
    async with Learning(journal) as at_work:
        assert await at_work.learn(TEAM, TEAM) == ChatName(TEAM, "Team")
        mocker.patch.object(names.time, "time", return_value=now + 23 * 3600)
        at_work.client.subjects[TEAM] = "Other"
        assert await at_work.learn(TEAM, BOARD) == ChatName(BOARD, "Board")
        mocker.patch.object(names.time, "time", return_value=now + 25 * 3600)

        assert await at_work.learn(TEAM) == ChatName(TEAM, "Other")

    assert at_work.client.asked == [TEAM, BOARD, TEAM]


async def test_a_group_is_asked_for_after_the_clock_was_turned_back(journal, mocker):
    async with Learning(journal) as at_work:
        await at_work.learn(TEAM)
        mocker.patch.object(names.time, "time", return_value=1_000.0)

        assert await at_work.learn(TEAM) == ChatName(TEAM, "Team")


async def test_the_next_gateway_tells_what_is_known_and_does_not_ask_again(journal, tmp_path):
    async with Learning(journal) as at_work:
        await at_work.learn(TEAM)

    async with Learning(journal) as later:
        assert await later.told.get() == ChatName(TEAM, "Team")
        await later.learn(TEAM, BOARD)

    assert later.client.asked == [BOARD]
    assert stored_names(tmp_path) == {TEAM: "Team", BOARD: "Board"}


async def test_nobody_is_asked_while_whatsapp_cannot_be_reached(journal):
    async with Learning(journal) as at_work:
        at_work.is_open.clear()
        at_work.naming.want(TEAM)
        await eventually(at_work.naming._wanted.empty)
        assert at_work.client.asked == []
        at_work.is_open.set()

        assert await at_work.told.get() == ChatName(TEAM, "Team")


@pytest.mark.parametrize("failure", [NeonizeError("403"), DecodeError("bytes"), "", "\u200b\n"])
async def test_a_name_is_kept_where_there_is_no_new_one(journal, tmp_path, failure):
    journal.names.note_asked(TEAM)
    journal.names.keep(TEAM, "Team")
    journal.change("UPDATE names SET asked_at = 0")
    async with Learning(journal) as at_work:
        at_work.client.subjects[TEAM] = failure

        assert await at_work.told.get() == ChatName(TEAM, "Team")
        assert await at_work.learn(TEAM, BOARD) == ChatName(BOARD, "Board")

    assert stored_names(tmp_path)[TEAM] == "Team"


async def test_an_answer_that_never_comes_is_not_waited_for_nor_asked_for_again(journal):
    async with Learning(journal) as at_work:
        del at_work.client.subjects[TEAM]

        assert await at_work.learn(TEAM, TEAM, BOARD) == ChatName(BOARD, "Board")

    assert at_work.client.asked == [TEAM, BOARD]


async def test_a_subject_is_made_fit_to_be_shown_before_it_is_kept(journal, tmp_path):
    async with Learning(journal) as at_work:
        at_work.client.subjects[TEAM] = "*\x1bTeam*\n" + "x" * 10_000

        told = await at_work.learn(TEAM)

    assert told.name.startswith("\N{ASTERISK OPERATOR}\ufffdTeam")
    assert len(told.name) == 61
    assert stored_names(tmp_path) == {TEAM: told.name}


async def test_a_chat_with_a_person_is_called_by_the_number_once_that_is_known(journal):
    journal.people.complete(Person(phone="+4930111111", lid=ALICE))
    async with Learning(journal) as at_work:
        chats = ("5@lid", "status@broadcast", ALICE)
        assert await at_work.learn(*chats) == ChatName(ALICE, "+4930111111")

    assert at_work.client.asked == []


async def test_more_wishes_than_can_be_kept_are_no_error(journal, monkeypatch):
    monkeypatch.setattr(group_names, "_MOST_WANTED", 1)
    at_work = Learning(journal)
    at_work.naming.want(TEAM)
    at_work.naming.want(BOARD)

    async with at_work:
        assert await at_work.told.get() == ChatName(TEAM, "Team")

    assert at_work.client.asked == [TEAM]


def test_only_so_many_names_are_kept(journal, monkeypatch, tmp_path):
    monkeypatch.setattr(names, "MOST_KEPT", 1)
    for chat_id in (TEAM, BOARD):
        journal.names.note_asked(chat_id)
        journal.names.keep(chat_id, chat_id)

    journal.prune()

    assert stored_names(tmp_path) == {BOARD: BOARD}


@pytest.mark.parametrize("content", [None, b"no database", b""])
def test_a_journal_that_cannot_be_read_has_no_names(tmp_path, content):
    if content is not None:
        (tmp_path / FILE_NAME).write_bytes(content)

    assert stored_names(tmp_path) == {}
