import asyncio

import pytest

from butler.core.turns import Turns


@pytest.fixture
def turns():
    return Turns()


class Waiter:
    """Somebody who waits for a turn, and ends it when told to."""

    def __init__(self, turns, chat_id="team"):
        self.has_turn = False
        self.is_over = asyncio.Event()
        self.task = asyncio.create_task(self._wait(turns, chat_id))

    async def _wait(self, turns, chat_id):
        await turns.wait(chat_id)
        self.has_turn = True
        try:
            await self.is_over.wait()
        finally:
            turns.end(chat_id)


async def waiters(turns, count):
    found = [Waiter(turns) for _ in range(count)]
    await asyncio.sleep(0)
    return found


async def steps():
    """Let everybody go as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_turn_is_taken_by_one_at_a_time(turns):
    assert turns.take("team")
    assert not turns.take("team")

    turns.end("team")

    assert turns.take("team")


async def test_chats_do_not_wait_for_each_other(turns):
    assert turns.take("team")
    assert turns.take("other")


async def test_turns_come_in_order_of_arrival(turns):
    turns.take("team")
    first, second = await waiters(turns, 2)
    assert not first.has_turn

    turns.end("team")
    await steps()
    assert (first.has_turn, second.has_turn) == (True, False)

    first.is_over.set()
    await steps()
    assert second.has_turn


async def test_nobody_comes_between_a_turn_and_the_next(turns):
    turns.take("team")
    (waiting,) = await waiters(turns, 1)

    turns.end("team")

    assert not turns.take("team")
    await steps()
    assert waiting.has_turn


async def test_who_gives_up_while_waiting_is_passed_over(turns):
    turns.take("team")
    first, second = await waiters(turns, 2)

    first.task.cancel()
    await steps()
    turns.end("team")
    await steps()

    assert (first.has_turn, second.has_turn) == (False, True)


async def test_who_gives_up_as_their_turn_comes_lets_the_next_have_it(turns):
    turns.take("team")
    first, second = await waiters(turns, 2)

    turns.end("team")
    first.task.cancel()
    await steps()

    assert (first.has_turn, second.has_turn) == (False, True)


async def test_who_gives_up_and_is_passed_over_in_one_moment_harms_nobody(turns):
    turns.take("team")
    first, second = await waiters(turns, 2)

    first.task.cancel()
    turns.end("team")
    await steps()

    assert (first.has_turn, second.has_turn) == (False, True)


async def test_nothing_is_kept_of_a_chat_without_a_turn(turns):
    turns.take("team")
    found = await waiters(turns, 3)
    found[1].task.cancel()
    turns.end("team")
    for each in found:
        each.is_over.set()
    await asyncio.wait([each.task for each in found])

    assert len(turns) == 0


async def test_to_catch_up_is_to_wait_for_those_who_came_before(turns):
    turns.take("team")
    (first,) = await waiters(turns, 1)
    catching_up = asyncio.create_task(turns.caught_up("team"))
    (later,) = await waiters(turns, 1)
    turns.end("team")
    await steps()
    assert first.has_turn
    assert not catching_up.done()

    first.is_over.set()
    await steps()

    assert catching_up.done()
    assert later.has_turn
    later.is_over.set()
    await steps()
    await turns.caught_up("team")
    assert len(turns) == 0
