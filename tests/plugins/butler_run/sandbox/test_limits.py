"""What a run may take of the machine. As an ordinary user: root is bound by few limits."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from butler_run.sandbox.boundary import Limits
from butler_run.sandbox.bubblewrap import Bind, Box, command_line
from butler_run.sandbox.limits import has_user_manager, in_front, resources, scope
from butler_run.sandbox.probe import find
from butler_run.sandbox.watch import deleted_bytes, tree

NOBODY = "65534"
BOMB = """python3 -c '
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.1)
'"""


def as_a_user(command):
    """Return what runs a command as somebody whom limits bind."""
    if os.getuid():
        return command
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]


@pytest.fixture
def folder(outside):
    """A folder that an ordinary user can write."""
    outside.chmod(0o777)
    return outside


@pytest.fixture
def held(folder):
    """Run a shell script as a user, in a sandbox with limits; return its status and words."""

    def ran(script, **limits):
        launcher = resources(Limits(**limits), is_boxed=True, is_in_scope=False)
        box = Box(folder, (Bind(folder, is_writable=True),), launcher=launcher)
        command = as_a_user(command_line(find().program, box, ["sh", "-c", f"exec 2>&1\n{script}"]))
        environment = {"PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return done.returncode, done.stdout + done.stderr

    return ran


def test_an_ordinary_user_has_the_same_sandbox(held, folder):
    status, said = held("id -u; touch made /usr/made; cat /etc/shadow; ls -A /root")

    assert said.splitlines()[0] == (NOBODY if not os.getuid() else str(os.getuid()))
    assert "cannot touch '/usr/made': Read-only file system" in said
    assert (folder / "made").exists()
    assert said.count("Permission denied") == 2
    assert status != 0


def test_memory_beyond_the_limit_is_not_given(held):
    take = "python3 -c 'print(len(bytearray({}_000_000)))'"

    assert "30000000" in held(take.format(30), memory_mb=200)[1]
    assert "MemoryError" in held(take.format(300), memory_mb=200)[1]


def test_processes_beyond_the_limit_are_not_started(held):
    status, said = held("for i in $(seq 60); do sleep 2 & done; echo all", processes=10)

    assert "all" not in said
    assert "fork" in said
    assert status != 0


def test_the_processes_of_others_do_not_count(held):
    others = [subprocess.Popen(as_a_user(["sleep", "60"])) for _ in range(30)]
    try:
        assert (
            "all" in held("for i in 1 2 3 4 5; do sleep 0.1 & done; wait; echo all", processes=8)[1]
        )
    finally:
        for each in others:
            each.kill()
            each.wait()


def test_a_file_beyond_the_limit_ends_at_it(held, folder):
    _, said = held("head -c 3000000 /dev/zero > big; echo status $?", file_mb=1)

    assert (folder / "big").stat().st_size == 1_000_000
    assert "status 0" not in said


@pytest.fixture
def shell_held(shell_with, butler_toml, outside):
    """Let a shell work with lines for ``[plugins.run]``."""

    def opened(*lines):
        toml = butler_toml.replace("max_runs_per_hour", "\n".join([*lines, "max_runs_per_hour"]))
        return shell_with(toml, outside / "butler.toml")

    return opened


async def test_a_fork_bomb_ends_the_run_with_a_sentence(shell_held):
    async with shell_held("max_processes = 40") as shell:
        said = await shell(f"echo go; {BOMB}")

    assert "go" in said
    assert "The run started more than 40 processes and was stopped. The limit is" in said


async def test_without_a_sandbox_it_does_so_too(shell_held):
    async with shell_held('sandbox = "off"', "max_processes = 40") as shell:
        said = await shell("for i in $(seq 60); do sleep 300 & done; wait")

    assert "The run started more than 40 processes and was stopped." in said


async def test_a_run_that_fills_the_disk_is_stopped_and_others_go_on(shell_held, api, outside):
    async with shell_held("max_disk_mb = 3") as shell:
        said = await shell("echo go; head -c 8000000 /dev/urandom > big; sleep 300")
        after = await shell("echo still here")

    assert "The run added more than 3 MB to the disk and was stopped. The limit is" in said
    assert "still here" in after


async def test_what_was_there_before_does_not_count(shell_held, api):
    (api / "old").write_bytes(os.urandom(8_000_000))

    async with shell_held("max_disk_mb = 3") as shell:
        said = await shell("rm old; head -c 8000000 /dev/urandom > new; sleep 2.5; echo done")

    assert "done" in said


async def test_a_file_without_a_name_counts(shell_held):
    async with shell_held("max_disk_mb = 3") as shell:
        said = await shell("exec 3> x; rm x; head -c 8000000 /dev/urandom >&3; sleep 300")

    assert "The run added more than 3 MB" in said


async def test_a_file_that_could_not_be_written_to_its_end_is_named(shell_held):
    async with shell_held("max_file_mb = 1") as shell:
        said = await shell("head -c 3000000 /dev/zero > big; echo small > small")

    assert "Cut off at the maximum size of a file: big. The limit is max_file_mb" in said


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """Put a systemd-run on the PATH that says how it was called and runs the command."""

    def put(status):
        program = tmp_path / "systemd-run"
        program.write_text(
            f'#!/bin/sh\necho "$@" >> {tmp_path}/called\n[ {status} = 0 ] || exit {status}\n'
            '[ -n "$XDG_RUNTIME_DIR" ] || { echo Failed to connect to bus >&2; exit 1; }\n'
            'while [ "${1#-}" != "$1" ] && [ "$1" != -- ]; do\n'
            '  [ "$1" = --property ] && shift; shift; done\n[ "$1" = -- ] && shift\nexec "$@"\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
        has_user_manager.cache_clear()
        return tmp_path / "called"

    yield put
    has_user_manager.cache_clear()


async def test_where_the_user_has_a_systemd_a_scope_holds_the_run(systemd, shell_held):
    called = systemd(0)

    async with shell_held("max_memory_mb = 500") as shell:
        assert "here, none" in await shell("echo here, ${XDG_RUNTIME_DIR:-none}")

    assert "MemoryMax=500000000" in called.read_text()
    assert "TasksMax=1266" in called.read_text()


def test_where_it_does_not_answer_prlimit_does(systemd):
    systemd(1)

    assert not has_user_manager()
    assert in_front(Limits())[0] == "prlimit"


def test_without_prlimit_nothing_is_limited(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)

    assert resources(Limits(), is_boxed=True, is_in_scope=False) == ()


def test_a_scope_counts_what_prlimit_would_count_for_each_process_alone():
    assert "--data=8000000000" in resources(Limits(), is_boxed=False, is_in_scope=False)
    assert not any(
        each.startswith("--data") for each in resources(Limits(), is_boxed=True, is_in_scope=True)
    )
    assert not any(
        each.startswith("--nproc") for each in resources(Limits(), is_boxed=False, is_in_scope=True)
    )
    assert scope(Limits())[-1] == "--"


def test_the_processes_below_one_are_found_with_their_threads():
    script = "import threading, sys; threading.Thread(target=sys.stdin.read).start()"
    with subprocess.Popen(
        [sys.executable, "-c", f"{script}; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        child.stdout.readline()
        pids, threads = tree(child.pid)
        child.stdin.close()

    assert pids == [child.pid]
    assert threads == 2
    assert tree(child.pid) == ([], 0)


def test_a_deleted_file_counts_once_and_only_on_the_disk_of_the_folders(tmp_path):
    path = tmp_path / "gone"
    with path.open("wb") as file, path.open("rb"):
        file.write(b"x" * 100_000)
        file.flush()
        path.unlink()

        assert deleted_bytes([os.getpid()], [tmp_path]) >= 100_000
        assert deleted_bytes([os.getpid()], [Path("/proc")]) == 0
