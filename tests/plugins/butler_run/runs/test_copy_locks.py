"""Two Butlers on one data folder."""

import json
import os
import sqlite3
from contextlib import closing, contextmanager

import pytest

from butler.app import read_setup
from butler.testing import open_chat
from butler.testing.agents import scripted_agent
from butler_process import PATIENCE_S, run_butler, start_butler, write_config
from butler_run.history.process_ids import name_of
from butler_run.runs.copy_locks import FOLDER_NAME, CopyLocks

DAEMON = "the daemon (process 4711)"


@pytest.fixture
def daemon(tmp_path, chat):
    """The locks of the daemon, another process."""
    return CopyLocks(tmp_path / "data" / FOLDER_NAME, DAEMON)


async def test_a_run_where_another_process_works_says_who_and_waits(
    chat, daemon, api, wait_for, script
):
    script.turns({"say": "Done."})
    await chat("/use api")

    with daemon.held_at_once(api):
        assert await chat("/run do it") == [f"Run 1 is queued: {DAEMON} is at work in api."]
        assert "queued" in (await chat("/runs"))[0]

    await wait_for(chat, "Done.")


async def test_a_run_that_waits_for_another_process_can_be_stopped(chat, daemon, api):
    await chat("/use api")

    with daemon.held_at_once(api):
        await chat("/run do it")
        assert await chat("/stop") == ["Run 1 will not start."]
        assert "stopped" in (await chat("/runs"))[0]


async def test_runs_elsewhere_go_on_while_one_waits_for_another_process(
    butler_toml, tmp_path, script, api, wait_for
):
    script.turns({"say": "Done."})
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml.replace("max_runs = 2", "max_runs = 1"))
    async with open_chat(read_setup(path)) as chat:
        other = chat.chat("other@g.us")
        await chat("/use api")
        await other("/use web")

        with CopyLocks(tmp_path / "data" / FOLDER_NAME, DAEMON).held_at_once(api):
            await chat("/run do it")
            await other("/run do it")
            await wait_for(other, "Done.")

        await wait_for(chat, "Done.")


async def test_nothing_is_undone_where_another_process_works(chat, daemon, api, run):
    await chat("/use api")
    await run(chat)

    with daemon.held_at_once(api):
        assert await chat("/undo") == [f"T{DAEMON[1:]} is at work there. Wait for its end."]


async def test_a_copy_is_free_once_its_run_has_ended(chat, daemon, api, run):
    await chat("/use api")
    await run(chat)

    assert daemon.holder(api) is None


async def test_a_run_at_work_keeps_other_processes_out(chat, daemon, api, script, wait_for):
    script.turns({"wait": True})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "started in")

    assert daemon.holder(api) == f"another Butler (process {os.getpid()})"
    await chat("/stop")


@pytest.fixture
def config(tmp_path):
    """A configuration whose agent works until it is stopped."""
    command = scripted_agent("acp", tmp_path, {"turns": [[{"wait": True}]]})
    return write_config(
        tmp_path,
        f"""[plugins]
enabled = ["session", "run"]
[plugins.run]
sandbox = "off"
agent = "scripted"
[plugins.run.agents.scripted]
command = {json.dumps(command)}
""",
    )


@contextmanager
def console_at_work(config):
    """Another console, in which run 1 works."""
    console = start_butler("console", "--config", config)
    try:
        console.stdin.write(b"/use api\n/run do it\n")
        console.stdin.flush()
        while b"started in" not in console.stdout.readline():
            assert console.poll() is None
        yield console
    finally:
        console.kill()
        console.communicate(timeout=PATIENCE_S)


@pytest.mark.parametrize("stop", ["/stop", "/stop 1", "/stop all", "/stop everywhere"])
def test_a_run_is_stopped_from_another_process(config, stop):
    with console_at_work(config) as console:
        second = run_butler("console", "--config", config, text=f"{stop}\n")
        assert "Run 1 " in second.stdout
        assert "stopped" in second.stdout
        assert "Nothing is running" not in second.stdout

        third = run_butler("console", "--config", config, text="/runs\n")
        assert "1 *api* stopped" in third.stdout
        assert console.poll() is None


def test_a_second_console_says_who_is_at_work(config):
    with console_at_work(config) as console:
        text = "/run more\n/stop 2\n"
        second = run_butler("console", "--config", config, text=text)

    at_work = f"a console (process {console.pid}) is at work in api."
    assert f"Run 2 is queued: {at_work}" in second.stdout
    assert "Run 2 will not start." in second.stdout


def test_stop_means_the_run_that_works_elsewhere_before_one_that_waits_here(config):
    with console_at_work(config):
        second = run_butler("console", "--config", config, text="/run more\n/stop\n/stop all\n")

    assert "Run 1 stopped" in second.stdout
    assert "Run 2 will not start." not in second.stdout.split("Run 1 stopped")[0]


def add_queued_run(tmp_path, process):
    """Add run 7 of another process to the history, like run 1."""
    with closing(sqlite3.connect(tmp_path / "data" / "runs.sqlite3")) as db, db:
        db.execute(
            "INSERT INTO runs SELECT 7, chat_id, repo, folder, agent, person, 'queued', "
            "queued_at, NULL, NULL, NULL, NULL, NULL, 'other' FROM runs"
        )
        db.execute(
            "INSERT INTO details SELECT 7, message_id, phone, lid, is_own, sent_at, text, "
            "prompt, NULL, NULL, NULL, ? FROM details",
            (process,),
        )


@pytest.mark.parametrize("stop", ["/stop 7", "/stop all"])
async def test_a_queued_run_whose_console_has_ended_can_be_stopped(
    chat, daemon, api, stop, tmp_path
):
    await chat("/use api")
    with daemon.held_at_once(api):
        await chat("/run do it")
        add_queued_run(tmp_path, "999999999 1")

        (said,) = await chat(stop)
        await chat("/stop all")

    assert "Run 7 will not start." in said
    assert "7 *api* stopped" in (await chat("/runs"))[0]


async def test_stop_means_a_run_left_queued_by_a_console_if_there_is_no_other(chat, run, tmp_path):
    await chat("/use api")
    await run(chat)
    add_queued_run(tmp_path, "999999999 1")

    assert await chat("/stop") == ["Run 7 will not start."]
    assert await chat("/stop") == ["Nothing is running in this chat."]


async def test_stop_all_says_what_it_stopped_where_another_process_does_not_answer(
    chat, script, wait_for, tmp_path
):
    script.turns({"wait": True})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "started in")
    add_queued_run(tmp_path, name_of(os.getppid()))

    (said,) = await chat("/stop all")

    assert said.startswith("Run 1 stopped after ")
    assert said.endswith(
        f"The other Butler (process {os.getppid()}) does not answer. Ask there, or end it."
    )


async def test_who_stops_a_run_from_another_process_does_not_get_the_answer_of_its_chat(
    chat, script, wait_for
):
    script.turns({"wait": True})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "started in")

    assert await chat.bot._plugins["run"].asked("1 ") == "Run 1 was stopped."
    await wait_for(chat, "Run 1 stopped after ")
