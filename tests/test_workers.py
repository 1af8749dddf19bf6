import asyncio
from contextlib import asynccontextmanager
from functools import partial

import pytest

from butler.workers import JOBS_AT_A_TIME, MAX_IDLE, WorkerPool


@asynccontextmanager
async def open_pool(most=1_000):
    """A pool; leaving the block waits for its jobs."""
    async with asyncio.TaskGroup() as tasks:
        pool = WorkerPool(tasks, most)
        try:
            yield pool
        finally:
            pool.close()


class Journal:
    """Jobs that note when they begin and end, and wait for a gate if they have one."""

    def __init__(self):
        self.lines = []
        self.tasks = set()

    async def note(self, name, gate=None):
        self.tasks.add(asyncio.current_task())
        self.lines.append(f"{name} begins")
        if gate is not None:
            await gate.wait()
        self.lines.append(f"{name} ends")


@pytest.fixture
def journal():
    return Journal()


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_jobs_that_wait_for_nothing_are_done_in_order_by_one_task(journal):
    async with open_pool() as pool:
        for number in range(3):
            await pool.add(partial(journal.note, number))

    assert journal.lines == [f"{n} {what}" for n in range(3) for what in ("begins", "ends")]
    assert len(journal.tasks) == 1


async def test_where_a_job_waits_another_task_goes_on_with_the_next(journal):
    gate = asyncio.Event()
    async with open_pool() as pool:
        await pool.add(partial(journal.note, "slow", gate))
        await pool.add(partial(journal.note, "slower", gate))
        await pool.add(partial(journal.note, "quick"))
        await settle()
        assert journal.lines == ["slow begins", "slower begins", "quick begins", "quick ends"]
        gate.set()

    assert journal.lines[4:] == ["slow ends", "slower ends"]


async def test_a_task_that_has_nothing_to_do_is_used_again(journal):
    async with open_pool() as pool:
        for number in range(3):
            await pool.add(partial(journal.note, number))
            await settle()

    assert len(journal.tasks) == 1


async def test_adding_waits_while_too_many_are_unfinished(journal):
    gate = asyncio.Event()
    async with open_pool(most=2) as pool:
        for number in range(2):
            await pool.add(partial(journal.note, number, gate))
        third = asyncio.create_task(pool.add(partial(journal.note, 2)))
        await settle()
        assert not third.done()
        gate.set()
        await third

    assert journal.lines[-2:] == ["2 begins", "2 ends"]


async def test_others_on_the_loop_get_their_turn_between_many_jobs(journal):
    async with open_pool() as pool:
        for number in range(10 * JOBS_AT_A_TIME):
            await pool.add(partial(journal.note, number))
        for rounds in range(1, 11):
            await asyncio.sleep(0)
            assert len(journal.lines) == 2 * rounds * JOBS_AT_A_TIME

    assert len(journal.tasks) == 2


async def test_after_a_rush_few_tasks_are_kept(journal):
    gate = asyncio.Event()
    before = len(asyncio.all_tasks())
    async with open_pool() as pool:
        for number in range(3 * MAX_IDLE):
            await pool.add(partial(journal.note, number, gate))
        # Each task calls the next one when it begins.
        for _ in range(4 * MAX_IDLE):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == before + 3 * MAX_IDLE
        gate.set()
        await settle()

        assert len(asyncio.all_tasks()) == before + MAX_IDLE
    assert len(journal.tasks) == 3 * MAX_IDLE


async def test_a_job_whose_work_was_cancelled_elsewhere_ends_only_itself(journal):
    async def wait_for(other):
        await other

    other = asyncio.create_task(asyncio.Event().wait())
    async with open_pool(most=1) as pool:
        await pool.add(partial(wait_for, other))
        await settle()
        other.cancel()
        await pool.add(partial(journal.note, "next"))

    assert journal.lines == ["next begins", "next ends"]


async def test_a_task_that_is_cancelled_as_it_is_called_leaves_the_job_to_another(journal):
    async with open_pool() as pool:
        await pool.add(partial(journal.note, "first"))
        await settle()
        (task,) = journal.tasks
        await pool.add(partial(journal.note, "second"))
        task.cancel()
        await settle()

        assert journal.lines[2:] == ["second begins", "second ends"]
        await pool.add(partial(journal.note, "third"))
        await settle()
        assert journal.lines[4:] == ["third begins", "third ends"]


async def test_an_error_of_a_job_ends_all(journal):
    async def fail():
        raise RuntimeError("a bug")

    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="a bug")):
        async with open_pool() as pool:
            await pool.add(partial(journal.note, "idle"))
            await settle()
            await pool.add(partial(journal.note, "waits", asyncio.Event()))
            await pool.add(partial(journal.note, "quick"))
            await settle()
            await pool.add(fail)
            await settle()

    assert "waits ends" not in journal.lines


async def test_a_pool_that_is_closed_does_what_it_was_given(journal):
    gate = asyncio.Event()
    async with open_pool() as pool:
        await pool.add(partial(journal.note, "slow", gate))
        await settle()
        for number in range(2):
            await pool.add(partial(journal.note, number))
        pool.close()
        gate.set()

    assert sorted(journal.lines) == sorted(
        f"{name} {what}" for name in ("slow", 0, 1) for what in ("begins", "ends")
    )
