"""What a panel may see and do in another process."""

import asyncio
import os

import pytest

from butler.chat.message import Reply
from butler.core.overview import LiveRun, Observable, Overview, RunReport, RunSummary
from butler.errors import UserError
from butler.ops.control import answering, request_of_process, watched_process
from butler.ops.control_frames import ListRuns, Report, ReportRun, Runs, Said, Say
from butler.ops.door import Door


def summary(number):
    return RunSummary(number, "team@g.us", "api", "claude", "Anna", "running", "do", 1.0)


class Worker(Observable):
    """A plugin with the runs 1 to 3; tests set what is in progress."""

    def __init__(self):
        self.seen = Overview([], [])

    def overview(self):
        if self.seen is None:
            raise RuntimeError("a bug")
        return self.seen

    def past_runs(self, limit, before=None):
        return [summary(n) for n in (3, 2, 1) if before is None or n < before][:limit]

    async def run_report(self, number):
        return RunReport(summary(number), "Done.") if number <= 3 else None


class Bot:
    """A bot that repeats what it is told."""

    async def say(self, message):
        if message.text == "no":
            raise UserError("Not that.")
        return [Reply(f"{message.source} in {message.chat_id}: {message.text}")]


@pytest.fixture
def worker():
    return Worker()


@pytest.fixture
def bot():
    return Bot()


@pytest.fixture
async def folder(tmp_path, monkeypatch, worker, bot):
    monkeypatch.chdir(tmp_path)

    async def answer(plugin, text):
        return f"{plugin} {text}"

    async with answering(tmp_path, answer, Door([worker], bot)):
        yield tmp_path


def asked(folder, request):
    return request_of_process(folder, os.getpid(), request)


async def test_the_owner_is_answered_there(folder):
    assert await asked(folder, Say("team@g.us", "/repos", "panel")) == Said(
        ["panel in team@g.us: /repos"]
    )


async def test_a_refusal_is_a_sentence(folder):
    with pytest.raises(UserError, match=r"^Not that\.$"):
        await asked(folder, Say("team@g.us", "no", "panel"))


async def test_runs_are_listed_newest_first_and_in_parts(folder):
    assert await asked(folder, ListRuns(2)) == Runs([summary(3), summary(2)])
    assert await asked(folder, ListRuns(2, before=2)) == Runs([summary(1)])


async def test_a_run_is_reported_if_there_is_one(folder):
    assert await asked(folder, ReportRun(2)) == Report(RunReport(summary(2), "Done."))
    assert await asked(folder, ReportRun(9)) == Report(None)


async def test_who_watches_sees_each_change(folder, worker):
    watched = watched_process(folder, os.getpid())
    assert (await anext(watched)).runs == []

    worker.seen = Overview([LiveRun(summary(1), "thinking")])

    assert (await anext(watched)).runs[0].doing == "thinking"
    await watched.aclose()


async def test_who_watches_sees_the_end(tmp_path, monkeypatch, bot):
    monkeypatch.chdir(tmp_path)
    async with answering(tmp_path, None, Door([], bot)):
        watched = watched_process(tmp_path, os.getpid())
        await anext(watched)

    assert [each async for each in watched] == []


async def test_where_nobody_acts_there_is_a_sentence():
    with pytest.raises(UserError, match="Start it with: butler run"):
        await Door([]).say("team@g.us", "/stop", "panel")

    assert Door([]).overview() == Overview()


async def test_who_does_not_read_is_left_alone_and_holds_nobody_up(folder, worker, mocker):
    mocker.patch("butler.ops.control.SEEN_EVERY_S", 0.01)
    mocker.patch("butler.ops.control.LOOK_EVERY_S", 0.0)
    slow = watched_process(folder, os.getpid())
    await anext(slow)
    worker.seen = Overview([LiveRun(summary(n), "x" * 1_000_000) for n in range(9)])

    assert (await asked(folder, ListRuns(1))).runs
    await asyncio.sleep(0)
    await slow.aclose()


async def test_a_plugin_that_fails_is_said_once_and_watched_on(worker, bot, caplog):
    door = Door([worker], bot)
    worker.seen = None
    assert [door.overview(), door.overview()] == [Overview(), Overview()]
    assert caplog.text.count("cannot be shown") == 1

    worker.seen = Overview([LiveRun(summary(1), "thinking")])

    assert [each.doing for each in door.overview().runs] == ["thinking"]
