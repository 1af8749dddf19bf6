import json
import re

import pytest

from butler.cli.sessions import cleared, shown
from butler.errors import ConfigError
from butler.sessions import SessionManager, SqliteStore
from butler_process import PATIENCE_S, line, name_chat, run_butler, start_butler, write_config


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


@pytest.fixture
def sessions(config):
    with SessionManager(SqliteStore(config.parent / "data" / "sessions.sqlite3")) as sessions:
        yield sessions


def test_sessions_are_a_line_each_the_latest_first(config, sessions):
    sessions.set_active_repo("a@g.us", "api", "/src/api")
    sessions.set_active_repo("b\n@g.us", "web", "/src/\x1bweb")

    first, second = shown(config, as_json=False).splitlines()

    assert first.endswith("  b\ufffd@g.us  web  /src/\ufffdweb")
    assert second.endswith("  a@g.us  api  /src/api")


def test_sessions_are_an_object_a_line_for_programs(config, sessions):
    sessions.set_active_repo("a@g.us", "api", "/src/api")

    (session,) = map(json.loads, shown(config, as_json=True).splitlines())

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", session.pop("time"))
    assert session == {
        "chat_id": "a@g.us",
        "repo": "api",
        "repo_path": "/src/api",
        "chat_name": None,
    }


def test_names_are_a_column_beside_the_id_and_a_key_for_programs(config, sessions):
    for chat_id in ("a@g.us", "b@g.us", "c@g.us"):
        sessions.set_active_repo(chat_id, "api", "/src/api")
    name_chat(config, "b@g.us", "Board\x1b")
    name_chat(config, "c@g.us", "Team")

    lines = shown(config, as_json=False).splitlines()
    entries = [*map(json.loads, shown(config, as_json=True).splitlines())]

    assert [each[len("2026-01-01 00:00:00") :] for each in lines] == [
        "  Team    c@g.us  api  /src/api",
        "  Board\ufffd  b@g.us  api  /src/api",
        "          a@g.us  api  /src/api",
    ]
    assert [each["chat_name"] for each in entries] == ["Team", "Board\x1b", None]


def test_without_sessions_there_is_a_sentence_and_no_line_for_programs(config):
    assert shown(config, as_json=False) == "There are no sessions.\n"
    assert shown(config, as_json=True) == ""


def test_clear_forgets_one_chat(config, sessions):
    sessions.set_active_repo("a@g.us", "api", "/src/api")

    assert cleared(config, "a@g.us") == "a@g.us is cleared."
    assert cleared(config, "a@g.us") == "a@g.us had no session."
    assert sessions.list_sessions() == []


def test_sessions_in_memory_cannot_be_seen_from_outside(tmp_path):
    config = write_config(tmp_path, '[sessions]\nstore = "memory"\n')

    with pytest.raises(ConfigError, match="only the daemon itself can see them"):
        shown(config, as_json=False)


def test_what_the_running_bot_writes_the_command_sees_and_the_other_way_round(config):
    bot = start_butler("console", "--jsonl", "--config", config)

    def ask(text):
        bot.stdin.write(line(text).encode())
        bot.stdin.flush()
        return json.loads(bot.stdout.readline())["text"]

    ask("/use api")
    assert "team@g.us  api" in run_butler("sessions", "--config", config).stdout
    assert run_butler("sessions", "clear", "team@g.us", "--config", config).returncode == 0
    assert ask("/repo").startswith("This chat has no active repo.")

    out, err = bot.communicate(timeout=PATIENCE_S)
    assert (out, err, bot.returncode) == (b"", b"", 0)


def test_config_may_stand_before_or_behind_clear(config):
    for arguments in (
        ("sessions", "--config", config, "clear", "a@g.us"),
        ("sessions", "clear", "--config", config, "a@g.us"),
    ):
        assert run_butler(*arguments).stdout == "a@g.us had no session.\n"
