"""No process of a run survives, however the run or Butler ends."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from butler_run.agents import AgentError, ProcessLimits
from butler_run.agents.process.process import spawned

LIMITS = ProcessLimits(quit_grace_s=5.0, end_interval_s=0.2)
DEAF = "trap '' INT TERM; echo ready; while :; do sleep 0.05; done"


@pytest.fixture
def spawn(folder, environment):
    def started(*command, limits=LIMITS):
        return spawned(command, folder=folder, environment=environment, limits=limits)

    return started


async def _output(process):
    return b"".join([piece async for piece in process.pieces()])


async def test_stdin_goes_in_and_stdout_comes_out(spawn):
    async with spawn("cat") as process:
        process.write(b"a\n" * 100_000)
        process.close_stdin()

        assert await _output(process) == b"a\n" * 100_000


async def _lines(process):
    return [line async for lines in process.lines() for line in lines]


async def _first_line(process):
    while not (lines := list(await anext(aiter(process.lines())))):
        pass
    return lines[0]


async def test_lines_come_without_their_ends(spawn):
    async with spawn("printf", "a\\n\\nb") as process:
        assert await _lines(process) == ["a", "", "b"]


@pytest.mark.parametrize(
    ("script", "epitaph"),
    [
        ("exit 3", "sh ended with status 3."),
        ("echo oh >&2; exit 1", "sh ended with status 1: oh"),
        ("kill -9 $$", "sh was ended by SIGKILL."),
        ("kill -40 $$", "sh was ended by signal 40."),
    ],
)
async def test_the_end_of_a_program_is_told(spawn, script, epitaph):
    async with spawn("sh", "-c", script) as process:
        assert await process.epitaph() == epitaph


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(("-y", "@example/some-agent", "--acp"), "some-agent"), (("--version",), "npx"), ((), "npx")],
)
async def test_a_package_that_npx_runs_is_called_by_its_name(
    spawn, environment, tmp_path, arguments, name
):
    npx = tmp_path / "npx"
    npx.write_text("#!/bin/sh\nexit 3\n")
    npx.chmod(0o755)
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"

    async with spawn("npx", *arguments) as process:
        assert await process.epitaph() == f"{name} ended with status 3."


async def test_only_the_last_of_stderr_is_kept(spawn):
    async with spawn("sh", "-c", "seq 1 200000 >&2") as process:
        await process.status()
        await _output(process)

        assert process.stderr_tail.splitlines() == [str(n) for n in range(199_993, 200_001)]


async def test_a_program_without_an_interpreter_cannot_be_started(spawn, folder):
    broken = folder / "broken"
    broken.write_text("#!/none/such\n")
    broken.chmod(0o755)

    async with spawn(str(broken)) as process:
        assert await process.epitaph() == "broken could not be started: No such file or directory."


async def test_a_program_can_be_named_by_a_path_in_the_folder(spawn, folder):
    (folder / "agent.sh").write_text("#!/bin/sh\npwd\n")
    (folder / "agent.sh").chmod(0o755)

    async with spawn("./agent.sh") as process:
        assert await _output(process) == f"{folder}\n".encode()


@pytest.mark.parametrize("argument", ["a\0b", "x" * 3_000_000])
async def test_arguments_that_no_program_takes_are_said(spawn, argument):
    with pytest.raises(AgentError, match="echo could not be started"):
        async with spawn("echo", argument):
            pass


async def test_writing_to_a_program_that_is_over_is_no_error(spawn):
    async with spawn("true") as process:
        await process.status()
        process.write(b"x" * 1_000_000)
        process.close_stdin()
        process.write(b"late")
        process.close_stdin()


async def test_a_program_that_ends_with_its_input_is_not_signalled(spawn):
    async with spawn("sh", "-c", "cat >/dev/null; exit 7") as process:
        pass

    assert await process.status() == 7


@pytest.mark.parametrize("script", ["sleep 300", f"{DEAF}", "sleep 300 & wait", "setsid sleep 300"])
async def test_ending_leaves_no_process(spawn, script):
    async with spawn("sh", "-c", script) as process:
        await process.end()

        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)


async def test_signals_come_one_after_the_other(spawn):
    # Time enough for the shell to answer each.
    limits = ProcessLimits(end_interval_s=1.5)
    script = "trap 'echo INT' INT; trap 'echo TERM' TERM; echo ready; while :; do sleep 0.02; done"
    async with spawn("sh", "-c", script, limits=limits) as process:
        lines = aiter(process.lines())
        assert list(await anext(lines)) == ["ready"]
        await process.end()

        assert [line async for some in lines for line in some] == ["INT", "TERM"]
    assert await process.status() == -signal.SIGKILL


async def test_what_a_program_leaves_behind_is_ended_with_it(spawn):
    async with spawn("sh", "-c", "sleep 300 & setsid sleep 300 & echo $!") as process:
        left_behind = int(await _output(process))

    with pytest.raises(ProcessLookupError):
        os.kill(left_behind, 0)


async def test_a_reaper_that_is_killed_takes_the_program_with_it(spawn):
    async with spawn("sh", "-c", "echo $PPID; exec sleep 300") as process:
        reaper = int(await _first_line(process))
        os.kill(reaper, signal.SIGKILL)

        assert await process.status() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("name", ["KILL", "STOP"])
async def test_what_an_agent_has_started_ends_also_where_it_got_rid_of_its_reaper(spawn, name):
    script = (
        f"setsid sh -c 'setsid sleep 300 & echo $!; wait' & sleep 0.2; kill -{name} $PPID; wait"
    )
    async with spawn("sh", "-c", script) as process:
        away = int(await _first_line(process))
        await process.end()

    assert not _is_alive(away)


def _is_alive(process_id):
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_run_that_cannot_be_ended_is_an_error_that_names_what_is_left(spawn, mocker):
    mocker.patch("butler_run.agents.process.process._VERIFICATION_S", 0.0)
    mocker.patch("butler_run.agents.process.pipes.ReaperLine.end")
    mocker.patch("butler_run.agents.process.process.end_marked", return_value=[4711, 4712])
    limits = ProcessLimits(quit_grace_s=0.0, end_interval_s=0.01)

    with pytest.raises(AgentError, match="these of its processes are left: 4711, 4712"):
        async with spawn("sleep", "300", limits=limits) as process:
            pass

    await _gone(process.pid)


async def _gone(group):
    """Wait until a group has no members; the reaper, hung up on, sees to that."""
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0)


PARENT = """
    import asyncio, os, signal, sys
    from pathlib import Path
    from butler_run.agents.process.process import ProcessLimits, spawned

    async def main():
        command = ["sh", "-c", sys.argv[1]]
        async with spawned(
            command,
            folder=Path.cwd(),
            environment=dict(os.environ),
            limits=ProcessLimits(end_interval_s=0.2),
        ) as process:
            async for lines in process.lines():
                for line in lines:
                    print(process.pid, line, flush=True)

    # Whoever starts the tests in the background may ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_no_process_survives_the_end_of_butler(folder, environment, number):
    """The program and what it daemonised ignore all signals that can be ignored."""
    deaf_child = f'setsid sh -c "{DEAF}" >/dev/null & echo $!; {DEAF}'
    with subprocess.Popen(  # noqa: ASYNC220 - read from before anything is waited for
        [sys.executable, "-c", textwrap.dedent(PARENT), deaf_child],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as butler:
        group, child = map(int, butler.stdout.readline().split())
        butler.stdout.readline()

        butler.send_signal(number)

        await _gone(group)
        await _gone(child)


def test_a_reaper_is_light():
    reaper = Path(sys.modules[spawned.__module__].__file__).with_name("reaper.py")
    listing = "import sys; exec(open(sys.argv[1]).read(), {'__name__': ''}); print(*sys.modules)"

    modules = subprocess.run(
        [sys.executable, "-I", "-S", "-c", listing, str(reaper)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert not {"asyncio", "subprocess", "typing", "pathlib", "butler"} & set(modules)
