"""What is left below Butler ends with it, however it tried to get away."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from butler_process import PATIENCE_S

GETS_AWAY = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    if os.fork():
        os._exit(0)
    os.setsid()
print(os.getpid(), flush=True)
time.sleep(600)
"""
BUTLER = """
import json, subprocess, sys
from butler.ops.descendants import adopt, end_all
adopt()
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
found = int(child.stdout.readline())
child.wait()
print(json.dumps([found, end_all(10)]))
"""


def run(program, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    ).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="needs subreapers")
def test_a_process_that_got_away_by_forks_and_sessions_of_its_own_is_ended():
    process_id, left = json.loads(run(BUTLER, GETS_AWAY))

    assert left == []
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


ZOMBIE = """
import os, time
from butler.ops.descendants import Zombies
pid = os.fork()
if not pid:
    os._exit(0)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
zombies = Zombies()
for _ in range(2):
    zombies.reap()
    print(os.path.exists(f"/proc/{pid}"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_an_ended_orphan_is_reaped_once_nobody_has_waited_for_it_for_a_while():
    assert run(ZOMBIE).split() == ["True", "False"]
