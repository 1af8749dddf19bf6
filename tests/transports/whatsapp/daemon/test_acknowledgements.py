"""The end of a turn, from the daemon's records to the gateway's journal."""

import asyncio

import pytest

from butler.transports.whatsapp.daemon.acknowledgements import Acknowledgements
from butler.transports.whatsapp.protocol.frames import Acknowledge


@pytest.fixture
def happened():
    return []


@pytest.fixture
async def over(happened):
    async def flush():
        happened.append("on record")

    over = Acknowledgements(happened.append, flush)
    telling = asyncio.create_task(over.tell())
    yield over
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


async def told(happened, count):
    async with asyncio.timeout(10):
        while sum(len(each.rows) for each in happened if each != "on record") < count:  # noqa: ASYNC110 - a list sets no event
            await asyncio.sleep(0)


async def test_turns_are_on_record_before_the_gateway_hears_that_they_are_over(over, happened):
    over.add(1)
    over.add(2)
    await told(happened, 2)
    over.add(3)
    await told(happened, 3)

    assert happened == ["on record", Acknowledge((1, 2)), "on record", Acknowledge((3,))]


async def test_the_gateway_hears_of_which_turns_nothing_came_also_a_new_one(over, happened):
    over.add(1)
    over.add(2, had_effect=False)
    await told(happened, 2)
    over.say_again()
    await told(happened, 4)

    assert happened[1::2] == [Acknowledge((1, 2), frozenset({2}))] * 2


async def test_it_is_settled_once_the_gateway_has_confirmed_everything(over):
    assert over.is_settled.is_set()
    over.add(1)
    over.add(2)
    over.confirm([1])

    assert not over.is_settled.is_set()
    assert [row in over for row in (1, 2)] == [False, True]
    over.confirm([2, 7])

    assert over.is_settled.is_set()


async def test_a_new_gateway_is_told_what_was_not_confirmed(over, happened):
    over.add(1)
    over.add(2)
    await told(happened, 2)
    over.confirm([1])
    happened.clear()

    over.say_again()
    await told(happened, 1)

    assert happened == ["on record", Acknowledge((2,))]
