import random
from threading import Barrier, Event, Thread

import pytest

from butler.sessions.locks import ChatLocks

PATIENCE_S = 45


@pytest.fixture
def locks():
    locks = ChatLocks()
    yield locks
    assert len(locks) == 0
    assert not locks._queues


class Visitor:
    """A thread that enters a chat, and leaves it when told to."""

    def __init__(self, locks, way, chat_id="group"):
        self.is_in = Event()
        self._may_leave = Event()
        self._locks, self._enter, self._chat_id = locks, getattr(locks, way), chat_id
        self._thread = Thread(target=self._visit, daemon=True)
        self._thread.start()

    def _visit(self):
        self._enter(self._chat_id)
        self.is_in.set()
        self._may_leave.wait(PATIENCE_S)
        self._locks.leave(self._chat_id)

    def entered(self):
        return self.is_in.wait(PATIENCE_S)

    def leave(self):
        self._may_leave.set()
        self._thread.join(PATIENCE_S)


def queue_of(locks, length, chat_id="group"):
    """Wait until that many are in the queue."""
    while len(locks._queues.get(chat_id, ())) != length:
        pass


def test_readers_of_a_chat_are_in_together(locks):
    readers = [Visitor(locks, "enter_reading") for _ in range(3)]

    assert all(reader.entered() for reader in readers)

    for reader in readers:
        reader.leave()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("enter_reading", "enter_writing"),
        ("enter_writing", "enter_reading"),
        ("enter_writing", "enter_writing"),
    ],
)
def test_a_writer_is_in_alone(locks, first, second):
    inside = Visitor(locks, first)
    assert inside.entered()
    outside = Visitor(locks, second)
    queue_of(locks, 1)

    assert not outside.is_in.is_set()

    inside.leave()
    assert outside.entered()
    outside.leave()


def test_a_writer_waits_for_the_last_reader(locks):
    readers = [Visitor(locks, "enter_reading") for _ in range(2)]
    assert all(reader.entered() for reader in readers)
    writer = Visitor(locks, "enter_writing")
    queue_of(locks, 1)

    readers[0].leave()
    assert not writer.is_in.is_set()
    readers[1].leave()

    assert writer.entered()
    writer.leave()


def test_chats_do_not_wait_for_each_other(locks):
    one = Visitor(locks, "enter_writing", "one")
    other = Visitor(locks, "enter_writing", "other")

    assert one.entered()
    assert other.entered()

    one.leave()
    other.leave()


def test_a_reader_who_comes_after_a_waiting_writer_lets_it_go_first(locks):
    reader = Visitor(locks, "enter_reading")
    assert reader.entered()
    writer = Visitor(locks, "enter_writing")
    queue_of(locks, 1)
    late_reader = Visitor(locks, "enter_reading")
    queue_of(locks, 2)

    reader.leave()

    assert writer.entered()
    assert not late_reader.is_in.is_set()
    writer.leave()
    assert late_reader.entered()
    late_reader.leave()


def test_all_readers_up_to_the_next_writer_are_let_in_together(locks):
    writer = Visitor(locks, "enter_writing")
    assert writer.entered()
    readers = [Visitor(locks, "enter_reading") for _ in range(3)]
    queue_of(locks, 3)

    writer.leave()

    assert all(reader.entered() for reader in readers)
    for reader in readers:
        reader.leave()


def test_whoever_is_interrupted_while_waiting_leaves_the_queue(locks, mocker):
    locks.enter_reading("group")
    mocker.patch("butler.sessions.locks.Event.wait", side_effect=KeyboardInterrupt)

    with pytest.raises(KeyboardInterrupt):
        locks.enter_writing("group")

    assert not locks._queues
    locks.leave("group")


def test_whoever_is_interrupted_just_as_their_turn_comes_passes_it_on(locks, mocker):
    locks.enter_writing("group")

    def turn_comes(event, *_):
        locks.leave("group")
        raise KeyboardInterrupt

    mocker.patch("butler.sessions.locks.Event.wait", autospec=True, side_effect=turn_comes)

    with pytest.raises(KeyboardInterrupt):
        locks.enter_writing("group")

    assert len(locks) == 0


def test_nothing_is_left_behind_and_nobody_meets_a_writer_in_a_crowd(locks, in_threads):
    inside = {chat_id: [] for chat_id in "abc"}
    start = Barrier(8)

    def visit(number):
        dice = random.Random(number)  # noqa: S311  no secrets, but the same each time
        start.wait(PATIENCE_S)
        for _ in range(2_000):
            chat_id, way = dice.choice("abc"), dice.choice(["enter_reading", "enter_writing"])
            getattr(locks, way)(chat_id)
            try:
                inside[chat_id].append(way)
                assert inside[chat_id] == [way] or set(inside[chat_id]) == {"enter_reading"}
                inside[chat_id].remove(way)
            finally:
                locks.leave(chat_id)

    in_threads(visit, 8)
