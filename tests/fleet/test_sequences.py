"""Outbox and inbox: in order and once, whatever is lost, repeated or late in between."""

import random

import pytest

from butler.fleet.frames import Confirmed, JobBegan
from butler.fleet.inbox import Inbox
from butler.fleet.outbox import Outbox


class Line:
    """Carries events from an outbox to an inbox; loses, repeats and mixes them up."""

    def __init__(self, seed):
        self.random = random.Random(seed)  # noqa: S311 - to be repeated
        self.now = 0.0
        self.on_the_way = []
        self.accepted = []
        self.outbox = Outbox(self.on_the_way.append, lambda: self.now)
        self.new_inbox()

    def new_inbox(self):
        """Start the hub again: it knows nothing of the sequences."""
        self.inbox = Inbox(self.accept, self.confirm)

    def accept(self, event):
        self.accepted.append((event.chat_id, event.what.job))
        self.inbox.end(event)
        self.confirm(event)

    def confirm(self, event):
        if self.random.random() < 0.7:
            self.outbox.confirm(Confirmed(event.chat_id, event.number))

    def carry(self):
        events, self.on_the_way[:] = list(self.on_the_way), []
        self.random.shuffle(events)
        for event in events:
            for _ in range(self.random.choice([0, 1, 1, 2])):
                self.inbox.take(event)


@pytest.mark.parametrize("seed", range(20))
async def test_each_chat_is_in_order_and_each_event_once_over_a_bad_line(seed):
    line = Line(seed)
    for number in range(60):
        line.outbox.add(f"chat-{number % 3}", JobBegan(number))
        if line.random.random() < 0.3:
            line.carry()

    while len(line.outbox):
        line.now += 2.0
        line.outbox.repeat()
        line.carry()

    for chat in range(3):
        jobs = [job for chat_id, job in line.accepted if chat_id == f"chat-{chat}"]
        assert jobs == list(range(chat, 60, 3))


async def test_a_hub_that_starts_again_goes_on_at_what_is_not_confirmed():
    line = Line(1)
    line.confirm = lambda event: line.outbox.confirm(Confirmed(event.chat_id, event.number))
    for number in range(4):
        line.outbox.add("chat", JobBegan(number))
    for event in line.on_the_way[:2]:
        line.inbox.take(event)
    line.new_inbox()
    line.on_the_way.clear()

    line.now += 2.0
    line.outbox.repeat()
    for event in line.on_the_way:
        line.inbox.take(event)

    assert [job for _chat, job in line.accepted] == [0, 1, 2, 3]
