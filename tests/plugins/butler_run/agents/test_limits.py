"""A run that takes too long, or says nothing for too long, is ended."""

import asyncio

import pytest

from butler_run.agents import (
    Finished,
    LimitedRun,
    LimitReachedError,
    PermissionAsked,
    Reason,
    RunLimits,
    Text,
    Working,
)

QUESTION = PermissionAsked("q", "Write", None, (), "", ())


class FakeRun:
    """Events that come when the test says so."""

    def __init__(self):
        self.coming = asyncio.Queue()
        self.answers = []
        self.is_cancelled = False

    async def __aiter__(self):
        while (event := await self.coming.get()) is not None:
            yield event

    async def answer(self, permission_id, option_id):
        self.answers.append((permission_id, option_id))

    async def cancel(self):
        self.is_cancelled = True


@pytest.fixture
async def run():
    return FakeRun()


async def test_a_run_within_its_limits_comes_through(run):
    for event in (Text("a"), Finished(Reason.DONE), None):
        run.coming.put_nowait(event)

    events = [event async for event in LimitedRun(run, RunLimits())]

    assert events == [Text("a"), Finished(Reason.DONE)]


@pytest.mark.parametrize(
    ("limits", "passed_s", "sentence"),
    [
        (RunLimits(90, 600), 91, "The run took longer than 1 min 30 s and was stopped."),
        (
            RunLimits(90, 600, wall_s=60),
            61,
            "The run took longer than 1 min, including its questions, and was stopped.",
        ),
        (RunLimits(1_800, 30), 31, "The agent was silent for 30 s and was stopped."),
    ],
)
async def test_a_limit_ends_the_run_and_says_which(run, clock, limits, passed_s, sentence):
    run.coming.put_nowait(Working())
    events = aiter(LimitedRun(run, limits))
    await anext(events)
    waiting = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    clock.put_forward(passed_s)

    with pytest.raises(LimitReachedError) as caught:
        await waiting

    assert str(caught.value) == sentence
    assert run.is_cancelled


async def test_a_question_stops_both_clocks(run, clock):
    limited = LimitedRun(run, RunLimits(time_s=100.0, silence_s=50.0))
    run.coming.put_nowait(QUESTION)
    events = aiter(limited)
    await anext(events)

    waiting = asyncio.create_task(anext(events))
    clock.put_forward(500)
    await asyncio.sleep(0)
    await limited.answer("none-such", "yes")
    await limited.answer("q", "yes")
    run.coming.put_nowait(Text("thanks"))

    assert await waiting == Text("thanks")
    assert run.answers[-1] == ("q", "yes")


async def test_the_clocks_go_on_after_the_answer(run):
    limited = LimitedRun(run, RunLimits(time_s=60.0, silence_s=0.01))
    run.coming.put_nowait(QUESTION)
    events = aiter(limited)
    await anext(events)
    await limited.answer("q", "yes")
    await limited.answer("q", "yes")

    with pytest.raises(LimitReachedError):
        await anext(events)


async def test_two_questions_are_both_waited_for(run, clock):
    limited = LimitedRun(run, RunLimits(time_s=100.0, silence_s=50.0))
    run.coming.put_nowait(QUESTION)
    run.coming.put_nowait(PermissionAsked("r", "Bash", "ls", (), "", ()))
    events = aiter(limited)
    await anext(events)
    await anext(events)
    await limited.answer("q", "yes")
    clock.put_forward(500)
    run.coming.put_nowait(Text("still here"))

    assert await anext(events) == Text("still here")


async def test_cancelling_goes_through(run):
    await LimitedRun(run, RunLimits()).cancel()

    assert run.is_cancelled


async def test_a_question_does_not_stop_the_clock_of_the_wall(run, clock):
    run.coming.put_nowait(QUESTION)
    events = aiter(LimitedRun(run, RunLimits(wall_s=3_600.0)))
    await anext(events)
    waiting = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    clock.put_forward(3_601)

    with pytest.raises(LimitReachedError, match="took longer than 1 h, including its questions"):
        await waiting
    assert run.is_cancelled


async def test_a_run_that_asks_too_often_is_ended(run):
    for _ in range(3):
        run.coming.put_nowait(QUESTION)
    events = aiter(LimitedRun(run, RunLimits(questions=2)))
    await anext(events)
    await anext(events)

    with pytest.raises(LimitReachedError, match="asked more than 2 questions and was stopped"):
        await anext(events)
    assert run.is_cancelled
