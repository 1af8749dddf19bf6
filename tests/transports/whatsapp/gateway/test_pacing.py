"""How fast a chat is written to, and what goes first."""

import pytest

from butler.transports.whatsapp.gateway.pacing import PacedQueue, Pacer
from butler.transports.whatsapp.protocol.frames import Pacing, Rank, Send


def _times(pacer, count, now=1000.0, chat="chat", **kind):
    """Send as soon as it may be, so often; return when, from now."""
    times = []
    at = now
    for _ in range(count):
        at += pacer.wait_s(chat, at, **kind)
        pacer.note(chat, at, **kind)
        times.append(round(at - now, 3))
    return times


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
    pacer.note("chat", 1000.0)

    assert pacer.wait_s("chat", 1000.0) == 1
    assert pacer.wait_s("other", 1000.0) == 0


@pytest.mark.parametrize("count", [1, 50])
def test_without_a_pacing_nothing_waits(count):
    assert _times(Pacer(None), count) == [0] * count


@pytest.mark.parametrize("pacing", [Pacing(), Pacing(per_minute=7), Pacing(burst=2, per_minute=3)])
def test_edits_never_use_more_than_half_of_a_minute(pacing):
    times = _times(Pacer(pacing), 3 * pacing.per_minute, is_edit=True)
    half = pacing.per_minute // 2

    assert all(later - earlier >= 60 for earlier, later in zip(times, times[half:], strict=False))


def test_edits_leave_half_of_a_burst_to_messages():
    pacer = Pacer(Pacing())
    assert _times(pacer, 5, is_edit=True) == [0, 0, 0, 1, 2]

    assert _times(pacer, 3, now=1002.0) == [0, 0, 1]


def test_where_only_one_message_a_minute_may_go_so_may_an_edit():
    pacer = Pacer(Pacing(burst=1, per_minute=1))

    assert _times(pacer, 2, is_edit=True) == [0, 60]


def test_chats_of_the_past_are_forgotten():
    pacer = Pacer(Pacing())
    for number in range(1002):
        pacer.note(f"{number}", 1000.0)

    pacer.note("new", 2000.0)

    assert list(pacer._chats) == ["new"]


def _request(key, rank=Rank.MESSAGE, chat="chat"):
    return Send(key, chat, "text", rank=rank)


def _keys(ranked):
    return [each.request.key for each in ranked]


def test_what_waits_goes_by_rank_and_then_in_order():
    queue = PacedQueue(Pacer(Pacing(burst=1)))
    for key in ("now", "answer 1", "answer 2"):
        queue.put(_request(key))
    queue.put(_request("edit", Rank.EDIT))
    queue.put(_request("stop", Rank.URGENT))
    queue.put(_request("elsewhere", Rank.EDIT, chat="other"))

    order = [_keys(queue.due(1000.0 + second)) for second in range(6)]

    assert order == [["stop", "elsewhere"], ["now"], ["answer 1"], ["answer 2"], ["edit"], []]
    assert queue.wait_s(1006.0) is None


def test_an_answer_does_not_wait_for_edits_that_wait():
    queue = PacedQueue(Pacer(Pacing(per_minute=4)))
    for number in range(9):
        queue.put(_request(f"edit {number}", Rank.EDIT))
    assert _keys(queue.due(1000.0)) == ["edit 0", "edit 1"]
    assert queue.wait_s(1000.0) == 60

    queue.put(_request("answer"))
    queue.put(_request("stop", Rank.URGENT))

    assert queue.wait_s(1000.0) == 0
    assert _keys(queue.due(1000.0)) == ["stop", "answer"]
    assert _keys(queue.due(1060.0)) == ["edit 2", "edit 3"]


def test_what_is_taken_out_is_not_counted():
    queue = PacedQueue(Pacer(Pacing(burst=1)))
    for key in ("one", "two", "three"):
        queue.put(_request(key))

    assert queue.take("two").request.key == "two"
    assert queue.take("two") is None
    assert [_keys(queue.due(1000.0 + second)) for second in range(2)] == [["one"], ["three"]]
