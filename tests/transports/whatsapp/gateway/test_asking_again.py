"""The moment between a message that could not be decrypted and the end of the gateway."""

import asyncio

from neonize.exc import NeonizeError

from butler.transports.whatsapp.gateway import asking_again
from butler.transports.whatsapp.gateway.asking_again import ROUNDS, time_to_ask


async def test_a_library_that_is_slow_to_have_its_turn_is_waited_for():
    had_turns = asyncio.Semaphore(0)
    asking = asyncio.create_task(time_to_ask(had_turns.acquire))
    for _ in range(ROUNDS):
        assert not asking.done()
        had_turns.release()
        while not had_turns.locked():  # noqa: ASYNC110 - the other task needs a turn
            await asyncio.sleep(0)

    await asking


async def test_a_library_that_never_answers_is_not(mocker):
    mocker.patch.object(asking_again, "LIMIT_S", 0.05)

    await time_to_ask(asyncio.Event().wait)


async def test_neither_is_one_that_has_ended():
    async def fail():
        raise NeonizeError("no client")

    await time_to_ask(fail)
