"""The typing indicator, and what is said about messages that were missed."""

import asyncio

import pytest

from butler.chat.message import Message, Person
from butler.errors import TransportError
from butler.transports.whatsapp.daemon import notices, typing_indicator
from butler.transports.whatsapp.daemon.notices import ASK_AGAIN, INTERRUPTED, Notices, summary
from butler.transports.whatsapp.daemon.typing_indicator import TypingIndicator
from butler.transports.whatsapp.protocol.frames import Send, Typing
from whatsapp_daemon import eventually

SHOWN, OVER = Typing("1@lid", is_typing=True), Typing("1@lid", is_typing=False)


@pytest.fixture
def sent(monkeypatch):
    monkeypatch.setattr(typing_indicator, "SHOW_AFTER_S", 0.01)
    monkeypatch.setattr(typing_indicator, "REPEAT_S", 0.01)
    return []


async def test_typing_is_repeated_until_the_last_turn_of_a_chat_is_over(sent):
    typing = TypingIndicator(sent.append)
    typing.begin("1@lid")
    typing.begin("1@lid")
    typing.end("1@lid")
    await eventually(lambda: len(sent) >= 2)
    typing.end("1@lid")

    assert set(sent[:-1]) == {SHOWN}
    assert sent[-1] == OVER


async def test_a_quick_turn_shows_nothing(sent):
    typing = TypingIndicator(sent.append)
    typing.begin("1@lid")
    typing.end("1@lid")
    typing.end("1@lid")

    assert sent == []


@pytest.mark.parametrize("is_shown", [True, False])
async def test_once_the_turns_of_a_chat_are_over_nothing_more_is_shown(clock, is_shown):
    sent, failures = [], []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: failures.append(what))
    typing = TypingIndicator(sent.append)
    typing.begin("1@lid")
    if is_shown:
        clock.put_forward(typing_indicator.SHOW_AFTER_S)
        await eventually(lambda: sent)
    typing.end("1@lid")

    for _ in range(3):
        clock.put_forward(typing_indicator.REPEAT_S)
        await asyncio.sleep(0)

    assert sent == ([SHOWN, OVER] if is_shown else [])
    assert failures == []


async def test_closing_ends_what_is_shown(sent):
    typing = TypingIndicator(sent.append)
    typing.begin("1@lid")
    await eventually(lambda: sent)
    typing.close()

    assert sent[-1] == OVER


class Chats:
    """Where notices go."""

    def __init__(self, *, is_broken=False):
        self.is_broken = is_broken
        self.notices = []
        self.forgotten = []

    async def say(self, notice):
        self.notices.append(notice)
        if self.is_broken:
            raise TransportError("no.")


@pytest.mark.parametrize("is_broken", [False, True])
async def test_late_messages_are_forgotten_once_they_are_summed_up(monkeypatch, is_broken):
    monkeypatch.setattr(notices, "QUIET_S", 0.01)
    chats = Chats(is_broken=is_broken)
    late = Notices(chats.say, chats.forgotten.append, pytest.fail)
    for row in (3, 4):
        late.add_late("1@lid", row)
    await eventually(lambda: len(chats.forgotten) == 2)

    assert chats.notices == [Send("late.3-4", "1@lid", summary(2))]
    assert chats.forgotten == [3, 4]


async def test_a_chat_is_asked_again_only_once_in_ten_minutes():
    chats = Chats()
    unreadable = Notices(chats.say, chats.forgotten.append, pytest.fail)
    for number in range(3):
        unreadable.ask_again("1@lid", f"A{number}")
    unreadable.ask_again("2@lid", "B")
    await eventually(lambda: len(chats.notices) == 2)

    assert chats.notices == [
        Send("unreadable.A0", "1@lid", ASK_AGAIN),
        Send("unreadable.B", "2@lid", ASK_AGAIN),
    ]


async def test_a_sentence_about_an_interruption_is_under_way_before_anything_is_looked_up():
    chats, order = Chats(), []
    interrupted = Notices(
        chats.say, chats.forgotten.append, lambda _message: order.extend(chats.notices)
    )
    message = Message("A1", "1@lid", Person(lid="1@lid"), "/use api", 0.0)
    notice = Send("7.1", "1@lid", INTERRUPTED, message)

    interrupted.was_interrupted(message, 7, "7.1")
    await asyncio.sleep(0)
    assert chats.notices == [notice]
    await eventually(lambda: chats.forgotten == [7])

    assert order == [notice]


async def test_closing_leaves_late_messages_for_the_next_start(monkeypatch):
    monkeypatch.setattr(notices, "QUIET_S", 0.01)
    chats, others = Chats(), Chats()
    late = Notices(chats.say, chats.forgotten.append, pytest.fail)
    late.add_late("1@lid", 3)
    late.ask_again("2@lid", "B")
    late.close()
    Notices(others.say, others.forgotten.append, pytest.fail).add_late("3@lid", 4)
    await eventually(lambda: others.forgotten)

    assert chats.notices == []
    assert chats.forgotten == []


def test_one_message_is_one_message():
    assert summary(1).startswith("While I was offline, 1 message came in")
