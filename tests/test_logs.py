import errno
import json
import logging
import re
from dataclasses import replace
from datetime import datetime
from logging.handlers import RotatingFileHandler

import pytest

from butler import cli, logs
from butler.testing import make_message
from butler_process import write_config


@pytest.fixture(autouse=True)
def _own_handlers():
    """Put pytest's handlers back."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    for each in [*root.handlers]:
        if each not in before[0]:
            each.close()
    root.handlers[:], root.level = before
    for name in ("butler", "mine", "markdown_it", "pydantic"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_line_has_the_chat_that_it_is_about(capsys):
    logs.configure()
    message = make_message("hello", "team@g.us")
    token = logs.message_of_log.set(message)

    logging.getLogger("butler.core.bot").info("a turn ended after %.1f s", 0.25)
    logs.message_of_log.reset(token)
    logging.getLogger("butler.core.bot").warning("no chat")

    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith(
        f"INFO    [team@g.us {message.trace}] butler.core.bot: a turn ended after 0.2 s"
    )
    assert second.endswith("WARNING butler.core.bot: no chat")


def test_what_is_below_the_level_is_left_out(capsys):
    logs.configure("ERROR")

    logging.getLogger("butler").warning("quiet")
    logging.getLogger("asyncio").info("quiet")

    assert capsys.readouterr().err == ""


def test_what_comes_from_outside_cannot_pass_for_a_line_of_its_own(capsys):
    logs.configure()
    message = make_message("hello", "team\u2028@g.us")
    token = logs.message_of_log.set(message)
    name = "Bob\n2030-01-01 00:00:00,000 INFO \x1b[31m\u202e\udc80é"

    logging.getLogger("butler.core.bot").warning("%s is away", name)
    try:
        raise ValueError(name)
    except ValueError:
        logging.getLogger("butler.core.bot").exception("a turn failed")
    logs.message_of_log.reset(token)

    first, second, *rest = capsys.readouterr().err.splitlines()
    said = r"Bob\n2030-01-01 00:00:00,000 INFO \x1b[31m\u202e\udc80é is away"
    assert first.endswith(rf"[team\u2028@g.us {message.trace}] butler.core.bot: {said}")
    assert second.endswith("butler.core.bot: a turn failed")
    assert all(line.startswith("  ") and line.isprintable() for line in rest)


def test_of_libraries_there_are_only_warnings_unless_they_are_named(capsys):
    logs.configure("DEBUG", {"butler", "mine"}, {"pydantic": "DEBUG"})

    for name in ("butler.core.bot", "mine.part", "markdown_it.rules", "pydantic.main"):
        logging.getLogger(name).debug("a detail")
        logging.getLogger(name).warning("a warning")

    lines = [each.split(maxsplit=2)[2] for each in capsys.readouterr().err.splitlines()]
    assert [each.split(maxsplit=1) for each in lines] == [
        ["DEBUG", "butler.core.bot: a detail"],
        ["WARNING", "butler.core.bot: a warning"],
        ["DEBUG", "mine.part: a detail"],
        ["WARNING", "mine.part: a warning"],
        ["WARNING", "markdown_it.rules: a warning"],
        ["DEBUG", "pydantic.main: a detail"],
        ["WARNING", "pydantic.main: a warning"],
    ]


def test_the_level_that_is_asked_for_holds_for_libraries_too(capsys):
    logs.configure("ERROR")

    logging.getLogger("markdown_it").warning("a warning")

    assert capsys.readouterr().err == ""


@pytest.fixture
def in_turn():
    """Handle a message."""
    message = make_message("/run the secret plan", "team@g.us")
    token = logs.message_of_log.set(message)
    yield message
    logs.message_of_log.reset(token)


def test_a_line_has_the_id_of_the_message(capsys, in_turn):
    logs.configure()

    logging.getLogger("butler").info("a run began")

    assert f"INFO    [team@g.us {in_turn.trace}] butler: a run began" in capsys.readouterr().err


def test_the_id_of_a_message_is_the_same_everywhere_and_another_for_others(in_turn):
    again = make_message("other words", "team@g.us")

    assert replace(again, id=in_turn.id).trace == in_turn.trace
    assert replace(again, id="x").trace != in_turn.trace
    assert replace(again, id=in_turn.id, chat_id="other@g.us").trace != in_turn.trace
    assert re.fullmatch(r"[0-9a-f]{8}", replace(again, id="\udc80").trace)


def test_as_json_each_event_is_an_object_in_a_line(capsys, in_turn):
    logs.configure(target=logs.Target(is_json=True))

    logging.getLogger("butler").warning("%s is away", "Bob\n\u2028\udc80")
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("butler").exception("a turn failed")

    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    when = datetime.fromisoformat(first.pop("time"))
    assert when.tzinfo is not None
    assert first == {
        "level": "warning",
        "logger": "butler",
        "chat": "team@g.us",
        "message": in_turn.trace,
        "text": "Bob\n\u2028\udc80 is away",
    }
    assert second["error"].endswith("ValueError: no")


def test_a_file_is_private_and_ends_at_its_size(capsys, tmp_path):
    path = tmp_path / "log"
    logs.configure(target=logs.Target(file=path, max_bytes=2_000))

    for number in range(1_000):
        logging.getLogger("butler").info("event %d \udc80", number)

    files = sorted(tmp_path.iterdir())
    assert [each.name for each in files] == ["log", "log.1", "log.2", "log.3"]
    assert all(each.stat().st_size <= 2_000 for each in files)
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    assert "event 999" in path.read_text()
    assert "event 999" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_leaves_the_log_as_it_was(tmp_path):
    before = logging.getLogger().handlers[:]

    with pytest.raises(OSError, match="Is a directory"):
        logs.configure(target=logs.Target(file=tmp_path))

    assert logging.getLogger().handlers == before


def test_a_full_disk_of_the_file_is_no_traceback_at_each_line(capsys, tmp_path, mocker):
    full = OSError(errno.ENOSPC, "No space left on device")
    mocker.patch.object(RotatingFileHandler, "shouldRollover", side_effect=full)
    logs.configure(target=logs.Target(file=tmp_path / "log"))

    logging.getLogger("butler").info("goes on")

    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("butler: goes on")


def test_the_log_of_run_is_what_the_configuration_says(capsys, tmp_path):
    config = write_config(
        tmp_path, '[log]\nformat = "json"\nfile = "logs"\nmax_mb = 1\nlevel = "debug"\n'
    )

    assert cli.main(["run", "--config", str(config)]) == 2  # no account is linked

    assert (tmp_path / "logs").exists()
    (tmp_path / "logs").unlink()
    (tmp_path / "logs").mkdir()
    assert cli.main(["run", "--config", str(config)]) == 2
    assert "log.file: " in capsys.readouterr().err
