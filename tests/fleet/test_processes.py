"""Two machines as a user has them: processes, folders, and the command line."""

import json
import re
import signal
import subprocess

import pytest

from butler_process import PATIENCE_S, line, run_butler, start_butler, write_config


def configured(folder, server, machine, redis_name):
    folder.mkdir()
    more = f'[redis]\nurl = "{server.url}"\nname = "{redis_name}"\n[machine]\nname = "{machine}"\n'
    path = write_config(folder, more + "[plugins]\nenabled = ['session']\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def machines(tmp_path, valkey):
    """The configurations of a server and a laptop; their processes end with the test."""
    name = f"p{abs(hash(str(tmp_path))) % 10**9}"
    return [
        configured(tmp_path / machine, valkey, machine, name) for machine in ("server", "laptop")
    ]


@pytest.fixture
def start():
    """Start sub-commands; end them with the test."""
    processes = []

    def started(*arguments):
        processes.append(start_butler(*arguments))
        return processes[-1]

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def code_of(server):
    added = run_butler("workers", "add", "laptop", "--config", server)
    assert added.returncode == 0, added.stderr
    return re.search(r"butler worker join (\S+)", added.stdout)[1]


def ask(console, text):
    console.stdin.write(line(text).encode())
    console.stdin.flush()
    return json.loads(console.stdout.readline())["text"]


def until_online(console):
    while "(online)" not in (said := ask(console, "/repos")):
        pass
    return said


def test_two_commands_more_to_a_second_machine(machines, start):
    server, laptop = machines
    console = start("console", "--jsonl", "--config", server)
    code = code_of(server)

    start("worker", "join", code, "--config", laptop)

    assert until_online(console).startswith("*laptop* (online): api, web · *server*: api, web")
    assert ask(console, "/use laptop/web").startswith("This chat now works on *web* on laptop")
    listed = run_butler("workers", "--json", "--config", server)
    found = json.loads(listed.stdout)
    assert (found["name"], found["is_online"], found["repos"]) == ("laptop", True, ["api", "web"])
    assert "laptop" in run_butler("workers", "--config", server).stdout
    assert ask(console, "/machines").startswith("• *laptop*: online for ")


def test_a_code_is_good_for_one_worker_only(machines, start, mocker):
    server, laptop = machines
    console = start("console", "--jsonl", "--config", server)
    code = code_of(server)
    first = start("worker", "join", code, "--config", laptop)
    until_online(console)
    first.send_signal(signal.SIGTERM)
    first.wait(PATIENCE_S)

    second = start_butler("worker", "join", code, "--config", laptop)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(5)  # it waits for an answer that never comes
    finally:
        second.kill()
        second.communicate()


def test_a_second_process_of_the_same_name_refuses_to_start(machines, start, tmp_path):
    server, laptop = machines
    console = start("console", "--jsonl", "--config", server)
    start("worker", "join", code_of(server), "--config", laptop)
    until_online(console)
    other = tmp_path / "other"
    other.mkdir()
    config = other / "config.toml"
    config.write_text(laptop.read_text())
    config.chmod(0o600)
    (other / "data").mkdir(mode=0o700)
    (other / "data" / "fleet").mkdir(mode=0o700)
    keys = json.loads((laptop.parent / "data" / "fleet" / "hubs.json").read_text())
    (other / "data" / "fleet" / "hubs.json").write_text(json.dumps({**keys, "owner": "another"}))

    ended = run_butler("worker", "--config", config)

    assert ended.returncode == 1
    assert "Another worker is called laptop. End it, or choose another name" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("worker",), "This worker is paired with no hub yet."),
        (("worker", "join", "nonsense"), "That is not a code to join."),
        (("workers", "add", "a/b"), "'a/b' is not a name for a machine"),
        (("workers", "add", "server"), "server is this machine."),
        (("workers", "remove", "phone"), "No worker called phone is paired or invited."),
    ],
)
def test_what_cannot_be_done_is_said(machines, arguments, sentence):
    ended = run_butler(*arguments, "--config", machines[0])

    assert ended.returncode == 2
    assert sentence in ended.stderr


def test_a_worker_without_redis_says_what_it_needs(tmp_path):
    ended = run_butler("worker", "--config", write_config(tmp_path))

    assert ended.returncode == 2
    assert "A worker needs a Redis that its hub reaches, too: set url in [redis]." in ended.stderr


def test_a_worker_reads_its_configuration_again_when_asked(machines, start):
    server, laptop = machines
    console = start("console", "--jsonl", "--config", server)
    start("worker", "join", code_of(server), "--config", laptop)
    until_online(console)

    text = laptop.read_text().replace('[repos.web]\npath = "web"', '[repos.site]\npath = "web"')
    laptop.write_text(text)
    reloaded = run_butler("reload", "--config", laptop)
    while "site" not in (said := ask(console, "/repos")):
        pass
    laptop.write_text(f"{text}\nnonsense = 1\n")
    refused = run_butler("reload", "--config", laptop)

    assert reloaded.stdout in ("In force now: repos.\n", "Nothing has changed.\n")
    assert said.startswith("*laptop* (online): api, site ")
    assert refused.returncode == 2
    assert "nonsense" in refused.stderr
    assert ask(console, "/use laptop/site").startswith("This chat now works on *site* on laptop")
