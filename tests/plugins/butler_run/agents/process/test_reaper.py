"""The reaper alone: started by path, spoken to over a socket."""

import os
import select
import signal
import socket
import subprocess
import sys

import pytest

from butler_run.agents.process import reaper

DEAF = "trap '' INT TERM; echo ready; while :; do sleep 0.05; done"
SLOW = (
    "import os, sys, time; from butler_run.agents.process import reaper; leave = os.setsid; "
    "os.setsid = lambda: (time.sleep(0.3), leave()); reaper.main(sys.argv[1:])"
)
ELSEWHERE = "import sys; from butler_run.agents.process import reaper; reaper._IS_LINUX = False; "


class Line:
    """A reaper's process and the socket to it."""

    def __init__(self, command, program, interval_s="0.2", is_boxed="0"):
        self.socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, *program, str(theirs.fileno()), interval_s, is_boxed, *command],
                pass_fds=[theirs.fileno()],
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        self.told = self.socket.makefile("r")

    def said(self):
        """Return what the reaper still tells until it is gone."""
        return [line.split()[0] for line in self.told]

    def hang_up(self):
        self.told.close()
        self.socket.close()

    def close(self):
        self.hang_up()
        self.process.stdout.close()
        assert self.process.wait() == 0


@pytest.fixture(params=["linux", "elsewhere"])
def watch(request):
    """Let a reaper watch a command; without a subreaper elsewhere."""
    program = [reaper.__file__]
    if request.param == "elsewhere":
        program = ["-c", f"{ELSEWHERE} reaper.main(sys.argv[1:])"]
    lines = []

    def watched(*command):
        lines.append(Line(command, program))
        return lines[-1]

    yield watched
    for line in lines:
        line.close()


def test_it_tells_how_a_program_ends(watch):
    assert watch("sh", "-c", "exit 3").told.read().split()[2:] == ["exited", "3", "gone"]


def test_it_tells_why_a_program_cannot_be_started(watch):
    assert sorted(watch("/none/such").said()) == ["exited", "gone", "started", "unstartable"]


def test_it_ends_a_deaf_program_when_told(watch):
    line = watch("sh", "-c", DEAF)
    line.process.stdout.readline()

    line.socket.send(b"end\n")

    assert line.told.read().split()[2:] == ["exited", str(-signal.SIGKILL), "gone"]


def test_it_ends_what_the_program_left_behind(watch):
    line = watch("sh", "-c", f'(sh -c "{DEAF}" &) | head -n 1')

    assert line.said() == ["started", "exited", "gone"]


def test_it_ends_everything_when_it_is_hung_up_on(watch):
    line = watch("sh", "-c", DEAF)
    line.process.stdout.readline()
    group = int(line.told.readline().split()[1])

    line.hang_up()
    line.process.wait()

    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


def test_it_ends_everything_when_hung_up_on_in_the_middle_of_a_sentence(watch):
    line = watch("sh", "-c", DEAF)
    line.process.stdout.readline()

    line.hang_up()

    line.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_everything_when_it_is_ended_itself(watch, number):
    line = watch("sleep", "300")
    line.told.readline()

    line.process.send_signal(number)

    assert line.said() == ["exited", "gone"]


def test_a_program_that_is_slow_to_begin_is_ended_by_the_first_signal():
    line = Line(["sleep", "60"], ["-c", SLOW], interval_s="60")
    assert line.told.readline().startswith("started ")

    line.socket.sendall(b"end\n")

    assert line.said() == ["exited", "gone"]
    line.close()


def test_a_program_that_is_killed_is_not_asked_first(watch):
    line = watch("sh", "-c", "trap 'exit 3' INT TERM; echo ready; while :; do sleep 0.05; done")
    line.process.stdout.readline()

    line.socket.send(b"kill\n")

    assert line.told.read().split()[2:] == ["exited", str(-signal.SIGKILL), "gone"]


def test_what_is_told_to_it_at_the_very_end_costs_no_word_of_its_own(watch):
    line = watch("true")
    hung_up = select.poll()
    hung_up.register(line.socket, select.POLLHUP)
    while b"gone" not in line.socket.recv(4096, socket.MSG_PEEK):
        pass
    assert hung_up.poll(300) == []

    line.socket.sendall(b"end\n")

    assert line.said() == ["started", "exited", "gone"]


@pytest.mark.skipif(sys.platform != "linux", reason="there are sandboxes on Linux only")
def test_a_sandbox_gets_no_signal_that_is_meant_for_what_runs_in_it():
    agent = "trap 'exit 3' INT; echo ready; while :; do sleep 0.05; done"
    box = f"trap 'echo box' INT TERM; setsid sh -c \"{agent}\"; exit 4"
    line = Line(["sh", "-c", box], [reaper.__file__], is_boxed="1")
    line.process.stdout.readline()

    line.socket.send(b"end\n")

    assert line.told.read().split()[2:] == ["exited", "4", "gone"]
    line.close()
