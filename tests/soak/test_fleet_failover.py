"""Redis fails over to its replica while turns are on their way to a worker and back."""

import re
import time
from collections import Counter

import pytest

from fleet_machines import Machines
from redis_servers import Guarded, needs_redis

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300), needs_redis]

TURNS = 60
CHATS = 6
KILLED_AFTER = 20
EVERY_S = 0.2
NOTHING_STARTED = "so nothing was started"


@pytest.fixture
def guarded(tmp_path):
    guarded = Guarded(tmp_path / "redis")
    yield guarded
    guarded.kill()


@pytest.fixture
def machines(tmp_path, guarded):
    machines = Machines(tmp_path, guarded.url)
    yield machines
    machines.end()


def test_a_failover_under_load_leaves_no_turn_without_a_word_and_acts_on_none_twice(
    machines, guarded, tmp_path
):
    machines.ask("/use laptop/web", "now works on *web* on laptop")
    machines.ask("/repo", "On branch main")
    for chat in range(CHATS):
        machines.say("/use laptop/web", chat=f"{chat}@g.us")

    for number in range(TURNS):
        if number == KILLED_AFTER:
            guarded.primary.kill()
        text = f"/run echo m{number:02} >> acted; echo did m{number:02}"
        machines.say(text, chat=f"{number % CHATS}@g.us")
        time.sleep(EVERY_S)
    answers, refused = Counter(), 0
    while len(answers) + refused < TURNS:
        said = machines.until("")
        answers.update(re.findall(r"^did (m\d\d)$", said, re.MULTILINE))
        refused += NOTHING_STARTED in said

    acted = Counter((tmp_path / "laptop" / "web" / "acted").read_text().split())
    away = sum("went away" in each or "has been away" in each for each in machines.said)
    counts = f"{len(acted)} acted on, {len(answers)} answered, {refused} refused, {away} times away"
    print(f"{TURNS} turns: {counts}")  # noqa: T201
    assert set(acted.values()) == {1}
    assert set(answers.values()) == {1}
    assert acted.keys() == answers.keys()
