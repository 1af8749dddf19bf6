import pytest

from butler import Message, Person
from butler.access.loop_guard import ECHO_S, MAX_CHATS, MUTED_S, Hearing, LoopGuard

ANNA, BOT = Person(lid="1@lid"), Person(lid="2@lid")


@pytest.fixture
def clock(mocker):
    return mocker.Mock(return_value=0.0)


@pytest.fixture
def guard(clock):
    return LoopGuard(clock)


def message(text="/repos", sender=ANNA, quoted_id=None, chat_id="team@g.us"):
    return Message("1", chat_id, sender, text, 0.0, quoted_id=quoted_id)


def echo(**details):
    return message(sender=BOT, quoted_id="reply", **details)


def test_a_bot_that_says_commands_back_is_answered_once_then_muted(guard):
    heard = [guard.hear(each) for each in (message(), echo(), echo(), echo(), message("/use api"))]

    assert heard == [
        Hearing.LISTENING,
        Hearing.LISTENING,
        Hearing.MUTED_NOW,
        Hearing.MUTED,
        Hearing.MUTED,
    ]


def test_after_a_minute_the_chat_is_listened_to_again(guard, clock):
    for each in (message(), echo(), echo()):
        guard.hear(each)
    clock.return_value = MUTED_S

    assert guard.hear(message()) is Hearing.LISTENING


def test_other_chats_are_not_muted(guard):
    for each in (message(), echo(), echo()):
        guard.hear(each)

    assert guard.hear(message(chat_id="other@g.us")) is Hearing.LISTENING


@pytest.mark.parametrize("repeated", [message(), message(sender=BOT)])
def test_people_may_repeat_themselves(guard, repeated):
    assert [guard.hear(repeated) for _ in range(3)] == [Hearing.LISTENING] * 3


def test_people_may_answer_with_other_commands(guard):
    commands = [message(f"/use {name}", quoted_id="reply") for name in ("api", "web", "api")]

    assert [guard.hear(each) for each in commands] == [Hearing.LISTENING] * 3


def test_what_was_long_ago_is_not_said_back(guard, clock):
    for _ in range(5):
        assert guard.hear(echo()) is Hearing.LISTENING
        clock.return_value += ECHO_S


def test_memory_is_bounded_by_the_number_of_chats(guard):
    for number in range(MAX_CHATS + 1):
        guard.hear(message(chat_id=f"{number}@g.us"))

    assert len(guard._chats) == MAX_CHATS
