"""Replies on their way, as the daemon sees it: what it asks of its gateway, and how long."""

import asyncio

import pytest

from butler.chat.message import Reply
from butler.errors import TransportError
from butler.transports.whatsapp.daemon import delivery as module
from butler.transports.whatsapp.daemon.delivery import Delivery, RefusedError, in_parts
from butler.transports.whatsapp.daemon.turns import Turns
from butler.transports.whatsapp.protocol.frames import (
    LastCall,
    NotSent,
    Rank,
    Retract,
    Send,
    SendAll,
    Sent,
)

REPLY = Send("k1", "1@lid", "one")
PARTS = (REPLY, Send("k2", "1@lid", "two", follows="k1"), Send("k3", "1@lid", "x", follows="k2"))


@pytest.fixture
def asked():
    return []


@pytest.fixture
def delivery(asked):
    return Delivery(asked.append, limit_s=600)


async def _begun(delivery, *parts):
    """Return a delivery under way."""
    task = asyncio.create_task(delivery.deliver_all(parts or [REPLY]))
    await asyncio.sleep(0)
    return task


async def test_a_reply_that_is_given_up_is_taken_back(asked):
    hasty = Delivery(asked.append, limit_s=0.01)

    with pytest.raises(TransportError, match=r"given up after 0\.01 s"):
        await hasty.deliver(REPLY)

    assert asked == [REPLY, Retract("k1")]


async def test_at_the_end_a_reply_is_not_waited_for_but_left_to_the_gateway(
    delivery, asked, monkeypatch
):
    monkeypatch.setattr(module, "LAST_CALL_S", 0.01)
    before = await _begun(delivery)
    delivery.call_last()

    for each in (before, delivery.deliver(REPLY)):
        with pytest.raises(TransportError, match="still waiting for WhatsApp"):
            await each

    assert asked == [REPLY, LastCall(), REPLY]


async def test_a_last_call_does_not_lengthen_a_wait(asked):
    hasty = Delivery(asked.append, limit_s=0.01)
    task = await _begun(hasty)
    hasty.call_last()

    with pytest.raises(TransportError):
        await task


async def test_a_last_call_in_the_instant_of_the_time_out_does_no_harm(asked):
    too_late = Delivery(asked.append, limit_s=0)
    task = await _begun(too_late)
    await asyncio.sleep(0)
    assert not task.done()
    too_late.call_last()

    with pytest.raises(TransportError):
        await task


async def test_what_is_settled_before_the_last_call_stays_settled(delivery):
    sent = await _begun(delivery)
    delivery.take(Sent("k1", "ID"))
    delivery.call_last()

    assert await sent == "ID"


async def test_a_new_gateway_hears_the_last_call_before_it_is_asked_again(delivery, asked):
    task = await _begun(delivery)
    delivery.call_last()
    asked.clear()
    delivery.ask_again()
    delivery.take(NotSent("k1", "No."))

    with pytest.raises(RefusedError, match="No"):
        await task
    assert asked == [LastCall(), REPLY]


async def test_outcomes_that_nobody_waits_for_are_passed_over(delivery):
    delivery.take(Sent("other", "ID"))
    task = await _begun(delivery)
    delivery.take(NotSent("k1", "Perhaps.", may_have_arrived=True))
    delivery.take(Sent("k1", "ID"))
    delivery.fail(TransportError("Final."))

    with pytest.raises(TransportError, match="Perhaps"):
        await task


async def test_the_parts_of_a_text_are_asked_for_at_once_and_the_first_id_is_theirs(
    delivery, asked
):
    task = await _begun(delivery, *PARTS)
    assert asked == [SendAll(PARTS)]

    for key in ("k2", "k1", "k3"):
        assert not task.done()
        delivery.take(Sent(key, f"id of {key}"))

    assert await task == "id of k1"


async def test_a_new_gateway_is_asked_at_once_for_the_parts_of_which_nothing_is_known(
    delivery, asked
):
    tasks = [await _begun(delivery, *PARTS), await _begun(delivery, Send("k4", "1@lid", "other"))]
    delivery.take(Sent("k1", "ID"))
    asked.clear()
    delivery.ask_again()
    for key in ("k2", "k3", "k4"):
        delivery.take(Sent(key, "ID"))

    await asyncio.gather(*tasks)
    assert asked == [SendAll(PARTS[1:]), Send("k4", "1@lid", "other")]


async def test_what_is_wrong_with_a_part_is_wrong_with_the_text(delivery):
    task = await _begun(delivery, *PARTS)
    delivery.take(NotSent("k2", "Refused."))
    delivery.take(NotSent("k3", "The part before it was not taken."))
    delivery.take(Sent("k1", "ID"))

    with pytest.raises(RefusedError, match=r"^Refused"):
        await task


async def test_only_parts_of_which_nothing_is_known_are_taken_back(asked):
    hasty = Delivery(asked.append, limit_s=0.01)
    task = await _begun(hasty, *PARTS)
    hasty.take(Sent("k1", "ID"))

    with pytest.raises(TransportError, match="given up"):
        await task
    assert asked[1:] == [Retract("k2"), Retract("k3")]


@pytest.mark.parametrize(
    ("details", "rank"),
    [
        ({}, Rank.MESSAGE),
        ({"is_urgent": True}, Rank.URGENT),
        ({"edits": "ID"}, Rank.EDIT),
        ({"edits": "ID", "is_urgent": True}, Rank.URGENT),
    ],
)
def test_all_parts_of_a_reply_have_its_rank(details, rank):
    requests = in_parts(Turns(), "1@lid", Reply("one", **details), ["one", "two", "three"])

    assert [each.rank for each in requests] == [rank] * 3


async def test_what_waits_for_the_link_is_never_given_up(asked):
    patient = Delivery(asked.append, limit_s=0.01)
    delivering = asyncio.create_task(patient.deliver(Send("k", "1@lid", "done"), waits=True))
    await asyncio.sleep(0.05)
    patient.ask_again()
    patient.take(Sent("k", "id of k"))

    assert await delivering == "id of k"
    assert len(asked) == 2


async def test_what_waits_for_the_link_is_given_up_when_butler_ends(asked, monkeypatch):
    monkeypatch.setattr(module, "LAST_CALL_S", 0.01)
    patient = Delivery(asked.append, limit_s=600)
    delivering = asyncio.create_task(patient.deliver(Send("k", "1@lid", "done"), waits=True))
    await asyncio.sleep(0)
    patient.call_last()

    with pytest.raises(TransportError, match="when Butler was stopped"):
        await delivering
