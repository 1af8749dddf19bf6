"""A worker that sleeps for a minute, and a Redis that is full or paused."""

import signal
import time

import pytest

from fleet_machines import Machines
from redis_servers import Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(400)]

ASLEEP_S = 60


@pytest.fixture
def machines(tmp_path):
    redis = Server(tmp_path / "redis", "appendonly yes").start()
    machines = Machines(tmp_path, redis.url)
    machines.redis = redis
    yield machines
    machines.end()
    redis.kill()


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
