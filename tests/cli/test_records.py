import json

import pytest

from butler import Message, Person
from butler.access.rules import Refusal
from butler.cli.json_lines import json_line
from butler.cli.records import done, ignored
from butler.records.sqlite import SqliteRecords
from butler_process import line, name_chat, run_butler, write_config


@pytest.fixture
def config(tmp_path):
    """A configuration with some records: one command done, one message left alone."""
    path = write_config(tmp_path)
    text = line("/use api", id="1") + line("hello", sender="+4930111111", id="2")
    run_butler("console", "--jsonl", "--config", path, text=text)
    return path


def test_why_shows_the_rule_that_decided(config):
    result = run_butler("why", "--config", config)

    assert result.returncode == 0
    assert result.stdout.rstrip().endswith(
        "team@g.us  +4930111111  not allowed: neither +4930111111 nor team@g.us is admitted"
    )


def test_why_explains_one_message_by_its_id(config):
    all_of_them, one = (
        run_butler("why", *which, "--config", config).stdout for which in ((), ("2",))
    )

    assert one == all_of_them
    assert one.count("\n") == 1


def test_chats_have_their_names_behind_their_ids(config):
    name_chat(config, "team@g.us", "Backend team")

    why, audit = run_butler("why", "--config", config), run_butler("audit", "--config", config)
    entry = json.loads(run_butler("why", "--json", "--config", config).stdout)

    assert "  team@g.us (Backend team)  +4930111111  not allowed: " in why.stdout
    assert "  team@g.us (Backend team)  the owner  /use api done" in audit.stdout
    assert entry["chat_name"] == "Backend team"


def test_why_for_programs_is_an_object_a_line(config):
    (entry,) = map(json.loads, run_butler("why", "--json", "--config", config).stdout.splitlines())

    assert (entry["message_id"], entry["rule"]) == ("2", "not allowed")


@pytest.mark.parametrize("as_json", [False, True])
def test_whatever_people_write_a_terminal_gets_nothing_to_obey(tmp_path, as_json):
    path = write_config(tmp_path)
    (tmp_path / "data").mkdir()
    records = SqliteRecords(tmp_path / "data" / "records.sqlite3")
    hostile = "x\n2026-11-22 00:00:00  \x1b[2J\x9b2J\u202e\ud800"
    message = Message(hostile, hostile, Person(), "", 0.0)
    records.ignored(message, Refusal("deleted", hostile))
    records.done(message, "run", "api", "done", hostile)
    records.flush()

    (refused,) = ignored(path, chat_id=None, last=9, as_json=as_json)
    (acted_on,) = done(path, since="1d", chat_id=None, as_json=as_json)

    assert refused.isprintable()
    assert acted_on.isprintable()


def test_why_shows_the_newest_of_a_chat_and_no_more_than_asked(config):
    text = "".join(
        line("hello", chat=f"{chat}@g.us", sender="+4930111111", id=number)
        for chat, number in (("one", "3"), ("two", "4"), ("one", "5"))
    )
    run_butler("console", "--jsonl", "--config", config, text=text)

    def ids(*arguments):
        output = run_butler("why", "--json", *arguments, "--config", config).stdout
        return [json.loads(each)["message_id"] for each in output.splitlines()]

    assert set(ids()) == {"2", "3", "4", "5"}
    assert len(ids("--last", "3")) == 3
    assert sorted(ids("--chat", "one@g.us")) == ["3", "5"]


def test_audit_shows_what_was_done_by_whom(config):
    result = run_butler("audit", "--config", config)

    assert "team@g.us  the owner  /use api done" in result.stdout


def test_audit_for_programs_is_an_object_a_line(config):
    output = run_butler("audit", "--json", "--since", "12h", "--config", config).stdout

    (entry,) = map(json.loads, output.splitlines())
    assert (entry["command"], entry["repo"], entry["result"]) == ("use", "api", "done")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("why", "--chat", "other@g.us"), "No messages were ignored.\n"),
        (
            ("why", "nonsense"),
            "No message with the id nonsense was ignored. "
            "butler why --json lists the ids of those that were.\n",
        ),
        (("audit", "--chat", "other@g.us"), "No commands were run since then.\n"),
        (("audit", "--since", "2999-01-01"), "No commands were run since then.\n"),
    ],
)
def test_where_there_is_nothing_that_is_said(config, arguments, said):
    assert run_butler(*arguments, "--config", config).stdout == said


def test_a_time_that_is_none_is_one_sentence(config):
    result = run_butler("audit", "--since", "yesterday", "--config", config)

    assert result.returncode == 2
    assert result.stderr.startswith('--since: expected a time such as "30m"')
    assert result.stderr.endswith("found 'yesterday'.\n")


def test_without_records_that_is_said(tmp_path):
    result = run_butler("why", "--config", write_config(tmp_path))

    assert result.returncode == 2
    assert result.stderr.startswith("There are no records yet: ")


@pytest.mark.parametrize("last", ["0", "-5", "9" * 30, "x", "", "1.5", "²"])
def test_a_number_that_is_none_is_one_sentence(config, last):
    result = run_butler("why", f"--last={last}", "--config", config)

    assert result.returncode == 2
    assert result.stderr.endswith(
        f"argument --last: expected a whole number of at least 1, found {last!r}\n"
    )


def test_a_run_is_one_line_with_its_end(tmp_path):
    path = write_config(tmp_path)
    (tmp_path / "data").mkdir()
    records = SqliteRecords(tmp_path / "data" / "records.sqlite3")
    asked = Message("1", "team@g.us", Person("+4930111111"), "", 0.0)
    other = Message("2", "team@g.us", Person("+4930111111"), "", 0.0)
    records.done(asked, "run", "api", "done")
    records.done(other, "run", "web", "done")
    records.done(asked, "run", "api", "failed", "run 1: make it so")
    records.flush()

    lines = list(done(path, since="1d", chat_id=None, as_json=False))

    assert [each.partition("/")[2] for each in lines] == [
        "run web done  ",
        "run api failed  run 1: make it so",
    ]


def test_times_for_programs_are_those_of_rfc_3339():
    fields = {"time": 1.5, "since": None, "chat_id": "a@g.us"}

    assert json_line(fields) == (
        '{"time": "1970-01-01T00:00:01.500Z", "since": null, "chat_id": "a@g.us"}'
    )


@pytest.mark.parametrize("command", ["why", "audit"])
def test_without_records_programs_get_no_line(tmp_path, command):
    path = write_config(tmp_path)
    run_butler("console", "--jsonl", "--config", path, text="")

    assert run_butler(command, "--json", "--config", path).stdout == ""
