import asyncio

import pytest

from butler.core.within import within


async def test_work_that_does_not_wait_gives_its_result():
    async def work():
        return "done"

    assert await within(10, work()) == "done"


async def test_work_that_waits_gives_its_result():
    async def work():
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            return await asyncio.to_thread(lambda: "done")

    assert await within(10, work()) == "done"


@pytest.mark.parametrize("waits", [0, 1, 2])
async def test_an_error_of_the_work_comes_out(waits):
    async def work():
        for _ in range(waits):
            await asyncio.sleep(0)
        raise LookupError

    with pytest.raises(LookupError):
        await within(10, work())


async def test_work_that_waits_for_too_long_is_stopped():
    with pytest.raises(TimeoutError):
        await within(0.01, asyncio.Event().wait())


async def test_cancellation_reaches_the_work():
    ended = asyncio.Event()
    begun = asyncio.Event()

    async def work():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    task = asyncio.create_task(within(10, work()))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_work_may_answer_the_cancellation():
    async def work():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "stopped"

    task = asyncio.create_task(within(10, work()))
    await asyncio.sleep(0)
    task.cancel()

    assert await task == "stopped"
