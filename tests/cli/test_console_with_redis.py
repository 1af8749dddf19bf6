"""The whole process, started while Redis is away."""

import json
import time

import pytest

from butler_process import run_butler, start_butler, write_config
from redis_servers import Server


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "valkey")
    yield server
    server.kill()


@pytest.fixture
def config(tmp_path, server):
    (tmp_path / "config.toml").touch(0o600)
    more = f'[sessions]\nstore = "redis"\n[redis]\nurl = "{server.url}"\n'
    return write_config(tmp_path, f'{more}[access]\nowners = ["+4915112345678"]\n')


def test_butler_starts_while_redis_is_away_and_works_once_it_is_there(config, server):
    with start_butler("console", "--jsonl", "--config", config) as butler:

        def reply_to(text):
            line = json.dumps({"chat": "team@g.us", "text": text}) + "\n"
            butler.stdin.write(line.encode())
            butler.stdin.flush()
            return json.loads(butler.stdout.readline())["text"]

        away = reply_to("/use api")
        server.start()
        while "cannot be accessed" in (back := reply_to("/use api")):
            time.sleep(0.1)  # Redis is tried every half second
        butler.stdin.close()
        log = butler.stderr.read().decode()

    assert away == (
        "The sessions cannot be accessed: "
        "Redis cannot be reached (connection refused), so nothing was changed."
    )
    assert back.startswith("This chat now works on *api*")
    assert butler.returncode == 0
    assert "Traceback" not in log


def test_a_lasting_mistake_ends_the_command_with_status_2(config, server):
    server.start()
    server.say("CONFIG", "SET", "requirepass", "secret")

    done = run_butler("sessions", "--config", config)

    assert done.returncode == 2
    assert done.stderr == (
        f"Redis at 127.0.0.1:{server.port} cannot be used: "
        "Redis asks for a password; write it into redis.url.\n"
    )
