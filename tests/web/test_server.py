"""`butler panel` as a process, and who starts it."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import butler
from butler import cli
from butler.chat.message import Message, Person
from butler.config import loading
from butler.ops.panel_process import panel_running
from butler.ops.report import lock_holder
from butler.web.server import LOCK
from butler.web.source import Source
from butler_process import PATIENCE_S, run_butler, start_butler, write_config
from butler_run.history.past import State
from butler_run.history.runs import FILE_NAME, History

LINK = re.compile(r"http://butler\.localhost:(\d+)/sign-in#[\w-]{32}\n")


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


def test_it_prints_a_link_and_a_second_one_to_who_asks_again(config):
    with start_butler("panel", "--no-browser", "--config", config) as panel:
        first = panel.stdout.readline().decode()
        again = run_butler("panel", "--no-browser", "--config", config)
        port = LINK.fullmatch(first)[1]
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S)
        refused.value.close()
        panel.send_signal(signal.SIGTERM)
        assert panel.wait(PATIENCE_S) == 0
        assert panel.stderr.read() == b""

    assert LINK.match(again.stdout)[1] == port
    assert first not in again.stdout
    assert again.returncode == 0


@pytest.mark.parametrize(("started", "prints_link"), [([], False), (["--read-only"], True)])
def test_who_is_only_to_look_gets_no_link_that_can_act(config, started, prints_link):
    with start_butler("panel", "--no-browser", "--config", config, *started) as panel:
        assert LINK.fullmatch(panel.stdout.readline().decode())
        asked = run_butler("panel", "--no-browser", "--read-only", "--config", config)
        panel.send_signal(signal.SIGTERM)

    assert bool(LINK.match(asked.stdout)) is prints_link
    assert ("leave out --read-only" in asked.stderr) is not prints_link
    assert asked.returncode == (not prints_link)


def test_a_port_that_is_taken_is_one_sentence(config):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        config.write_text(f"{config.read_text()}\n[panel]\nport = {port}\n")

        ended = run_butler("panel", "--no-browser", "--config", config)

    assert (ended.stdout, ended.returncode) == ("", 1)
    assert ended.stderr.startswith(f"The panel cannot listen on port {port}: ")
    assert ended.stderr.count("\n") == 1


def test_without_the_extra_it_says_what_to_install(config, monkeypatch, capsys):
    for name in [*sys.modules]:
        if name.partition(".")[0] == "starlette" or name.startswith("butler.web"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)

    status = cli.main(["panel", "--config", str(config)])

    assert status == 2
    assert "pip install 'butler-whatsapp[panel]'" in capsys.readouterr().err


def test_the_daemon_loads_nothing_of_it():
    code = "import butler.ops.daemon, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"butler.web", "starlette", "uvicorn", "jinja2", "pygments"} & {*loaded}


async def test_with_its_section_it_runs_and_ends_with_the_daemon(config):
    data = loading.read(config).data_dir
    async with panel_running(config, is_wanted=True):
        async with asyncio.timeout(PATIENCE_S):
            while lock_holder(data / LOCK) is None:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    assert lock_holder(data / LOCK) is None


async def test_without_its_section_it_does_not_run(config):
    data = loading.read(config).data_dir
    async with panel_running(config, is_wanted=False):
        assert not (data / LOCK).exists()


async def test_a_panel_that_does_not_start_is_said_in_the_log(tmp_path, caplog):
    async with panel_running(tmp_path / "nothing.toml", is_wanted=True):
        async with asyncio.timeout(PATIENCE_S):
            while "has ended with status 2" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_what_lies_in_the_present_folder_is_not_run(config, tmp_path, monkeypatch):
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "asyncio.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(repo)
    source = Source(loading.read(config), config)
    try:
        assert list(await source.runs(10)) == []
    finally:
        await source.close()


def test_no_process_looks_for_modules_in_the_present_folder():
    for path in Path(butler.__file__).parent.rglob("*.py"):
        if "testing" not in path.parts:
            assert 'sys.executable, "-m"' not in path.read_text(), path


def past_run(config):
    """Record a finished run as a daemon does that has ended since."""
    data = loading.read(config).data_dir
    data.mkdir(exist_ok=True)
    history = History(data / FILE_NAME)
    message = Message("m1", "team@g.us", Person("+4915112345678"), "/run x", time.time())
    number = history.add(message, "api", Path("api"), "claude", "Fix it")
    history.begin(number)
    history.end(number, State.DONE, answer="All done.")
    history.close()
    return number


async def test_while_no_daemon_runs_the_files_are_read(config):
    number = past_run(config)
    source = Source(loading.read(config), config)
    try:
        (summary,) = await source.runs(10)
        report = await source.report(number)
        assert await source.report(number + 1) is None
    finally:
        await source.close()

    assert (summary.repo, summary.state, summary.prompt) == ("api", "done", "Fix it")
    assert report.answer == "All done."
    assert "unknown" in report.problem
