import asyncio
import threading

import pytest

from butler.core.session_threads import THREADS, SessionThreads


async def test_a_call_is_made_in_another_thread_and_its_result_comes_back():
    name = await SessionThreads().run(lambda first: (first, threading.current_thread().name), 1)

    assert name == (1, "sessions")


async def test_an_error_is_raised_where_the_call_was_made():
    threads = SessionThreads()

    with pytest.raises(ValueError, match="invalid literal"):
        await threads.run(int, "x")

    assert await threads.run(int, "1") == 1


async def test_calls_one_after_the_other_share_a_thread():
    threads = SessionThreads()

    found = {await threads.run(threading.get_ident) for _ in range(5)}

    assert len(found) == 1


async def test_calls_at_the_same_time_wait_side_by_side_in_a_limited_number_of_threads():
    threads, barrier = SessionThreads(), threading.Barrier(THREADS)

    def wait():
        barrier.wait(20)
        return threading.get_ident()

    found = await asyncio.gather(*(threads.run(wait) for _ in range(2 * THREADS)))

    assert len(set(found)) == THREADS


async def test_a_call_that_nobody_waits_for_any_more_disturbs_nobody():
    threads, is_open = SessionThreads(), threading.Event()
    waiting = asyncio.create_task(threads.run(is_open.wait, 20))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    is_open.set()

    assert await threads.run(int, "1") == 1


def test_a_call_that_ends_after_its_event_loop_ends_in_silence():
    is_open, is_over = threading.Event(), threading.Event()

    def work():
        is_open.wait(20)
        is_over.set()

    async def leave():
        task = asyncio.create_task(SessionThreads().run(work))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    is_open.set()

    assert is_over.wait(20)
