"""The one message that shows how a run is going."""

import asyncio

import pytest

from butler_run.runs.progress import EDIT_EVERY_S, Progress


class RunChat:
    """Keeps what is sent."""

    def __init__(self):
        self.sent = asyncio.Queue()
        self._count = 0

    async def send(self, reply):
        self._count += 1
        self.sent.put_nowait(reply)
        return f"id-{self._count}"


@pytest.fixture
async def desk():
    return RunChat()


@pytest.fixture
def clock():
    """A clock that stands still until it is put forward."""

    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def slept(mocker):
    """For how long was waited; nobody does."""
    seconds = []
    at_once = asyncio.sleep

    async def sleep(delay):
        seconds.append(delay)
        await at_once(0)

    mocker.patch("butler_run.runs.progress.asyncio.sleep", sleep)
    return seconds


async def test_a_change_is_an_edit_that_waits_for_five_seconds_to_pass(desk, clock, slept):
    status = Progress(desk, "Run 1 works", clock)
    async with status.kept_up_to_date():
        assert (await desk.sent.get()).text == "Run 1 works"
        clock.now += 1.5
        status.show("reading")
        edit = await desk.sent.get()

    assert (edit.text, edit.edits) == ("Run 1 works · 2 s · reading", "id-1")
    assert slept == [EDIT_EVERY_S - 1.5]


async def test_the_chat_sees_what_the_agent_does_now(chat, script, wait_for, mocker):
    mocker.patch("butler_run.runs.progress.EDIT_EVERY_S", 0.0)
    script.turns({"tool": "Look around"}, {"wait": True})
    await chat("/use api")
    await chat("/run do it")

    shown = await wait_for(chat, " · Look around")

    assert shown.reply.edits is not None
    await chat("/stop")


async def test_the_time_for_which_a_run_waited_does_not_count(desk, clock):
    status = Progress(desk, "Run 1 works", clock)
    clock.now += 100
    async with status.kept_up_to_date():
        assert (await desk.sent.get()).text == "Run 1 works"


async def test_what_is_the_same_as_before_is_no_change(desk, clock, slept):
    status = Progress(desk, "Run 1 works", clock)
    async with status.kept_up_to_date():
        for doing in ("reading", "reading", "writing"):
            status.show(doing)
        await desk.sent.get()

        assert (await desk.sent.get()).text.endswith(" · writing")
        status.show("writing")
        for _ in range(10):
            await asyncio.sleep(0)
        assert desk.sent.empty()


async def test_for_fourteen_minutes_the_message_itself_is_edited(desk, clock, slept):
    status = Progress(desk, "Run 1 works", clock)
    async with status.kept_up_to_date():
        await desk.sent.get()
        clock.now += 14 * 60
        status.show("reading")

        assert (await desk.sent.get()).edits == "id-1"


async def test_before_the_time_for_edits_is_over_a_new_message_takes_the_place(desk, clock, slept):
    status = Progress(desk, "Run 1 works", clock)
    async with status.kept_up_to_date():
        await desk.sent.get()
        clock.now += 14 * 60 + 1
        status.show("reading")
        new = await desk.sent.get()
        status.show("writing")
        edit = await desk.sent.get()

    assert new.edits is None
    assert edit.edits == "id-2"


async def test_the_seconds_are_brought_up_to_date_without_a_change(desk, clock, mocker):
    mocker.patch("butler_run.runs.progress.TYPICAL_INTERVALS", ())
    mocker.patch("butler_run.runs.progress.SLOWEST_INTERVAL_S", 0.0)
    status = Progress(desk, "Run 1 works", clock)
    async with status.kept_up_to_date():
        await desk.sent.get()
        clock.now += 130

        assert (await desk.sent.get()).text == "Run 1 works · 2 min 10 s"


async def test_a_message_that_was_not_sent_is_sent_later_and_then_edited(
    desk, clock, slept, mocker
):
    sending = mocker.patch.object(desk, "send", return_value=None)
    status = Progress(desk, "Run 1 works", clock)
    async with status.kept_up_to_date():
        mocker.stop(sending)
        status.show("reading")
        assert (await desk.sent.get()).edits is None
        status.show("writing")
        assert (await desk.sent.get()).edits == "id-1"


async def test_the_end_takes_its_place(desk, clock):
    status = Progress(desk, "Run 1 works", clock)
    async with status.kept_up_to_date():
        await desk.sent.get()
    await status.end("Run 1: done.")

    assert (await desk.sent.get()).edits == "id-1"
