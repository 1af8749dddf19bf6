"""A worker that sleeps for a minute, and a Redis that is full, paused or failed over."""

import json
import signal
import time

import pytest

from butler.fleet.keys import HubKeys, WorkerKeys, fleet_folder
from butler_process import line, start_butler, write_config
from redis_servers import Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(400)]

ASLEEP_S = 60
RUNS = """\
[plugins.run]
agent = "shell"
sandbox = "off"
[plugins.run.agents.shell]
kind = "command"
command = ["sh"]
"""


class Machines:
    """A console that is a hub, a worker called laptop, and a Redis; all are processes."""

    def __init__(self, folder, *settings):
        self.redis = Server(folder / "redis", "appendonly yes", *settings).start()
        configs = {}
        for name in ("server", "laptop"):
            home = folder / name
            home.mkdir()
            more = f'[redis]\nurl = "{self.redis.url}"\n[machine]\nname = "{name}"\n{RUNS}'
            configs[name] = write_config(home, more)
            configs[name].chmod(0o600)
        keys = WorkerKeys(fleet_folder(folder / "server" / "data"))
        keys.invite("laptop", b"secret")
        keys.pair("laptop", b"secret", b"k" * 32)
        HubKeys(fleet_folder(folder / "laptop" / "data")).pair("laptop", "server", b"k" * 32)
        self.worker = start_butler("worker", "--config", configs["laptop"])
        self.console = start_butler("console", "--jsonl", "--config", configs["server"])
        self.said = []

    def say(self, text):
        """Write a line in the chat."""
        self.console.stdin.write(line(text).encode())
        self.console.stdin.flush()

    def until(self, text):
        """Read what is said until a text is in it; return that."""
        while True:
            said = json.loads(self.console.stdout.readline())["text"]
            self.said.append(said)
            if text in said:
                return said

    def ask(self, text, answer):
        """Write a line, again and again, until an answer comes."""
        while True:
            self.say(text)
            said = json.loads(self.console.stdout.readline())["text"]
            if answer in said:
                return
            time.sleep(0.2)

    def end(self):
        for process in (self.console, self.worker):
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.communicate()
        self.redis.kill()


@pytest.fixture
def machines(tmp_path):
    machines = Machines(tmp_path)
    yield machines
    machines.end()


def test_a_worker_asleep_for_a_minute_is_missed_joins_again_and_tells_its_result(machines):
    machines.ask("/use laptop/web", "now works on *web* on laptop")
    machines.say("/run sleep 70; echo woken up")
    machines.until("Run 1 started in *web* on laptop")

    machines.worker.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    machines.until("laptop went away during run 1, so I cannot say how far it came.")
    missed_s = time.monotonic() - stopped
    time.sleep(max(0.0, ASLEEP_S - missed_s))
    machines.worker.send_signal(signal.SIGCONT)

    machines.until("laptop is back; run 1 goes on there.")
    machines.until("woken up")
    assert missed_s < 30
    assert machines.worker.poll() is None


def test_a_paused_redis_delays_turns_and_nobody_is_taken_for_dead(machines):
    machines.ask("/use laptop/web", "now works on *web* on laptop")
    machines.redis.pause()
    machines.say("/help")
    machines.until("list the commands")
    machines.say("/repo")
    time.sleep(25)
    machines.redis.resume()

    machines.until("*web* on laptop")
    assert not any("went away" in each or "has been away" in each for each in machines.said)


def test_a_full_redis_loses_no_turn(machines):
    machines.ask("/use laptop/web", "now works on *web* on laptop")
    machines.redis.say("CONFIG", "SET", "maxmemory", "1")
    machines.say("/repo")
    time.sleep(5)
    machines.redis.say("CONFIG", "SET", "maxmemory", "0")

    machines.until("*web* on laptop")
