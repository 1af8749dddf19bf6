"""Runs that wait for each other, and runs that do not."""

import asyncio

import pytest

from butler.app import read_setup
from butler.testing import open_chat
from butler_run.runs.queue import Queue
from butler_run.snapshots.snapshots import Snapshots

WRITE = {"ask": {"path": "made.txt", "old": None, "new": "made\n"}}


async def test_a_second_run_in_a_repo_waits_for_the_first(chat, script):
    script.turns({"wait": True})
    other = chat.chat("other@g.us")
    await chat("/use api")
    await other("/use api")
    await chat("/run first")

    assert await chat("/run second") == ["Run 2 is queued #2, after run 1 in this chat."]
    assert await chat("/diff 2") == ["Run 2 in *api* has not started yet."]
    assert await other("/run third") == ["Run 3 is queued #3, after run 2 in another chat."]
    assert await other("/stop 2") == ["Run 2 is not running in this chat. /runs lists them."]
    assert await other("/stop 3") == ["Run 3 will not start."]
    assert await chat("/stop 2") == ["Run 2 will not start."]
    assert (await chat("/stop"))[0].startswith("Run 1 stopped after ")
    lines = (await chat("/runs"))[0].split("\n")

    assert lines[0].startswith("• 2 *api* stopped, scripted, ")
    assert lines[1].startswith("• 1 *api* ")


async def test_a_run_waits_for_a_chat_by_name_only_where_nobody_but_an_owner_reads_it(chat, script):
    chat.transport.chat_names["team@g.us"] = "Backend team"
    script.turns({"wait": True})
    alone, other = chat.chat("12@lid"), chat.chat("other@g.us")
    for each in (chat, alone, other):
        await each("/use api")
    await chat("/run first")

    assert await alone("/run second") == ["Run 2 is queued #2, after run 1 in *Backend team*."]
    await alone("/stop 2")
    assert await other("/run third") == ["Run 3 is queued #2, after run 1 in another chat."]
    await other("/stop 3")
    await chat("/stop 1")


async def test_the_next_run_begins_when_the_one_before_has_ended(chat, script, wait_for):
    script.turns({"wait": True})
    await chat("/use api")
    await chat("/run first")
    await chat("/run second")
    before = len(chat.transport.sent)
    await chat("/stop 1")

    await wait_for(chat, "Run 2 started in *api*", before)
    await chat("/stop")


async def test_a_run_does_not_begin_whose_sender_was_shut_out_while_it_waited(
    chat, script, wait_for
):
    script.turns({"wait": True})
    anna = chat.person("+4930111111")
    await chat("/use api")
    await chat("/run first")
    assert await anna("/run second") == ["Run 2 is queued #2, after run 1 in this chat."]
    await chat("/run third")
    await chat("/deny +4930111111")
    await chat("/stop 1")
    await wait_for(chat, "Run 3 started in *api*")
    await chat("/stop")

    (entry,) = [each for each in chat.records.audit if "run 2" in each.detail]
    assert entry.result == "stopped"
    assert "• 2 *api* stopped, " in (await chat("/runs"))[0]
    assert not [each for each in chat.transport.sent if "Run 2: " in each.reply.text]


async def test_no_more_runs_go_at_a_time_than_configured(chat, script, tmp_path, wait_for):
    (tmp_path / "plain").mkdir()
    script.turns({"wait": True})
    for repo in ("api", "web"):
        await chat(f"/use {repo}")
        await chat("/run do it")
    await chat("/use plain")

    assert await chat("/run do it") == ["Run 3 is queued #3, after run 2 in this chat."]
    await chat("/stop 1")
    await wait_for(chat, "Run 3 started in *plain*")
    await chat("/stop")
    await chat("/stop")


async def test_a_queued_run_that_is_stopped_is_noted_as_stopped(chat, script):
    script.turns({"wait": True})
    await chat("/use api")
    await chat("/run first")
    await chat("/run second")
    await chat("/stop 2")
    await chat("/stop 1")

    results = {entry.detail: entry.result for entry in chat.records.audit if entry.detail}
    assert results["run 2: second"] == "stopped"


async def test_runs_in_two_repos_go_side_by_side(chat, script, wait_for):
    script.turns(WRITE)
    other = chat.chat("other@g.us")
    await chat("/use api")
    await other("/use web")
    await chat("/run do it")
    await other("/run do it")

    await wait_for(chat, "1 or 👍 yes")
    await wait_for(other, "1 or 👍 yes")


async def test_a_chat_may_queue_only_so_many(chat, script):
    script.turns({"wait": True})
    await chat("/use api")
    for _ in range(3):
        await chat("/run do it")

    assert await chat("/run too much") == [
        "2 runs of this chat are already queued. /stop ends one, /runs lists them."
    ]
    for _ in range(3):
        await chat("/stop")


@pytest.fixture
def parts(butler_toml, tmp_path):
    """Open a chat with two repos that are folders of one working copy."""
    for name in ("one", "two"):
        (tmp_path / "api" / name).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "api")
    path = tmp_path / "butler.toml"
    repos = f'repos.one.path = "{tmp_path}/api/one"\nrepos.two.path = "{tmp_path}/link/two"'
    path.write_text(f"{repos}\n{butler_toml}")
    return open_chat(read_setup(path))


async def test_two_repos_in_one_working_copy_wait_for_each_other(parts, script):
    script.turns({"wait": True})
    async with parts as chat:
        await chat("/use one")
        await chat("/run first")
        await chat("/use two")

        assert await chat("/run second") == ["Run 2 is queued #2, after run 1 in this chat."]
        await chat("/stop")
        await chat("/stop")


async def test_runs_that_wait_for_two_repos_in_one_working_copy_begin_one_by_one(
    parts, script, wait_for
):
    script.turns({"wait": True})
    async with parts as chat:
        other = chat.chat("other@g.us")
        for each, repo in ((chat, "one"), (other, "two"), (chat, "two"), (other, "one")):
            await each(f"/use {repo}")
            await each("/run do it")

        for number, each in ((1, chat), (2, other), (3, chat), (4, other)):
            await wait_for(each, f"Run {number} started in ")
            later = [(n, at) for n, at in ((2, other), (3, chat), (4, other)) if n > number]
            for waiting, at in later:
                (said,) = await at(f"/diff {waiting}")
                assert said.endswith("has not started yet.")
            await each(f"/stop {number}")


async def test_of_runs_that_wait_for_one_folder_only_the_first_gets_its_turn(tmp_path):
    queue = Queue(max_runs=4)
    places = [queue.join(number, tmp_path, "team@g.us") for number in range(1, 5)]
    elsewhere = queue.join(5, tmp_path / "elsewhere", "team@g.us")

    begun = []
    for place in places:
        begun.append([each.number for each in places if each.has_come.is_set()])
        async with queue.turn(place):
            pass

    assert begun == [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]
    assert elsewhere.has_come.is_set()


async def test_no_run_begins_in_a_folder_that_is_closed(tmp_path):
    queue = Queue(max_runs=2)
    with queue.closed(tmp_path):
        assert not queue.is_free(tmp_path)
        place = queue.join(1, tmp_path, "team@g.us")
        assert not place.has_come.is_set()

    assert place.has_come.is_set()


async def test_a_run_waits_until_an_undo_is_over(chat, script, run, gate, wait_for):
    script.turns({"write": "made.txt", "content": "one\n"})
    await chat("/use api")
    await run(chat)
    gate.before(Snapshots, "undo")
    other = chat.chat("other@g.us")
    await other("/use api")
    undoing = asyncio.create_task(chat("/undo"))
    await gate.is_reached.wait()
    await other("/run do it")
    gate.is_open.set()

    assert await undoing == ["Run 1 in *api* was undone: made.txt."]
    await wait_for(other, "Run 2 started in *api*")
    texts = [sent.reply.text for sent in chat.transport.sent]
    assert texts.index("Run 1 in *api* was undone: made.txt.") < texts.index(
        "Run 2 started in *api* (Scripted)"
    )


async def test_a_run_that_waits_for_another_process_takes_no_place_of_others(tmp_path):
    queue = Queue(max_runs=1)
    held_up = queue.join(1, tmp_path / "api", "team@g.us")
    same = queue.join(2, tmp_path / "api", "team@g.us")
    other = queue.join(3, tmp_path / "web", "team@g.us")
    last = queue.join(4, tmp_path / "docs", "team@g.us")

    async with queue.turn(held_up):
        async with asyncio.TaskGroup() as tasks, queue.aside(held_up):
            assert other.has_come.is_set()
            assert not same.has_come.is_set()
            assert not queue.is_free(tmp_path / "api")
            tasks.create_task(_used(queue, other))
        assert not last.has_come.is_set()

    assert same.has_come.is_set()


async def _used(queue, place):
    async with queue.turn(place):
        pass
