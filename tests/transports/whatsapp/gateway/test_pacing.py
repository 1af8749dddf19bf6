"""How fast a chat is written to."""

import pytest

from butler.transports.whatsapp.gateway.pacing import Pacer
from butler.transports.whatsapp.protocol.frames import Pacing


def _times(pacer, count, now=1000.0):
    return [round(pacer.reserve("chat", now), 3) for _ in range(count)]


def test_after_a_burst_of_five_a_chat_gets_one_message_a_second():
    assert _times(Pacer(Pacing()), 8) == [0, 0, 0, 0, 0, 1, 2, 3]


def test_no_minute_has_more_than_twenty():
    times = _times(Pacer(Pacing()), 45)

    assert times[19:22] == [15, 60, 60]
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[20:], strict=False))


def test_a_burst_grows_back():
    pacer = Pacer(Pacing())
    _times(pacer, 5)

    assert _times(pacer, 4, now=1003.0) == [0, 0, 0, 1]


def test_chats_do_not_wait_for_each_other():
    pacer = Pacer(Pacing(burst=1))
    pacer.reserve("chat", 1000.0)

    assert pacer.reserve("other", 1000.0) == 0


@pytest.mark.parametrize("count", [1, 50])
def test_without_a_pacing_nothing_waits(count):
    assert _times(Pacer(None), count) == [0] * count


def test_chats_of_the_past_are_forgotten():
    pacer = Pacer(Pacing())
    for number in range(1002):
        pacer.reserve(f"{number}", 1000.0)

    pacer.reserve("new", 2000.0)

    assert list(pacer._times) == ["new"]
