"""What is left below Butler ends with it, however it tried to get away."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest

from butler.ops.shutdown import end_what_is_left
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


def test_what_cannot_be_ended_is_said_with_its_name(mocker, caplog):
    refused = mocker.patch("butler.ops.descendants.os.kill", side_effect=PermissionError)
    with subprocess.Popen(["sleep", "600"]) as child:
        end_what_is_left()
        mocker.stop(refused)
        child.kill()

    assert "these processes could not be ended" in caplog.text
    assert f"sleep ({child.pid})" in caplog.text


OF_A_SERVICE = """
import json, os, sys
from butler.ops.descendants import end_all
os.environ["SYSTEMD_EXEC_PID"] = str(os.getpid())
with open(sys.argv[1] + "/cgroup.procs", "w") as members:
    members.write(str(os.getpid()))
print(json.dumps(end_all(10)))
"""


@pytest.fixture
def control_group(tmp_path):
    """A control group of its own, as systemd makes one for a service."""
    for root in (Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup")):
        folder = root / f"butler-{tmp_path.name}"
        with suppress(OSError):
            folder.mkdir()
            if (folder / "cgroup.procs").exists():
                yield folder
                folder.rmdir()
                return
    pytest.skip("no control group can be made here")


def test_what_has_no_parent_below_butler_ends_with_the_control_group_of_its_service(control_group):
    with subprocess.Popen(["sleep", "600"]) as stranger:
        (control_group / "cgroup.procs").write_text(str(stranger.pid))
        left = json.loads(run(OF_A_SERVICE, str(control_group)))

        assert left == []
        assert stranger.wait(PATIENCE_S) == -signal.SIGKILL


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
