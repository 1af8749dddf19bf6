import pexpect
import pytest

from butler_process import (
    BUTLER,
    PATIENCE_S,
    line,
    link_account,
    name_chat,
    run_butler,
    write_config,
)


@pytest.fixture
def config(tmp_path):
    """The configuration of a Butler that was used in a chat with a name."""
    config = write_config(tmp_path)
    run_butler("console", "--jsonl", "--config", config, text=line("/use api", "team@g.us"))
    name_chat(config, "team@g.us", "Backend team")
    link_account(tmp_path / "data")
    return config


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"
    path.write_text("".join(f"line {number}\n" for number in range(600)) + "Backend team: api\n")
    return path


def test_a_report_has_what_helps_and_nobody_in_it(config, log, tmp_path):
    target = tmp_path / "report.txt"

    done = run_butler("report", target, "--log", log, "--yes", "--config", config)

    text = target.read_text()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(text)
    assert "It was sent nowhere" in done.stdout
    for heading in (
        "## Versions",
        "## Check",
        "## Status",
        "## Databases",
        "## Log, last 500 lines",
    ):
        assert heading in text
    assert "sessions.sqlite3 " in text
    assert "line 101\n" in text
    assert "line 100\n" not in text
    for private in ("4915112345678", "Backend team", str(config.parent / "api"), "repo api"):
        assert private not in text


def test_without_journal_the_log_file_of_the_configuration_is_taken(config, log, tmp_path):
    config.write_text(f'log.file = "{log}"\n{config.read_text()}')
    target = tmp_path / "report.txt"

    run_butler("report", target, "--yes", "--config", config)

    assert "line 599\n" in target.read_text()


def test_nothing_is_written_unless_somebody_agrees(config, log, tmp_path):
    done = run_butler("report", tmp_path / "r", "--log", log, "--config", config)

    assert done.returncode == 1
    assert done.stdout.endswith("Nothing was written.\n")
    assert not (tmp_path / "r").exists()


def test_at_a_terminal_it_is_shown_before_it_is_written(config, log, tmp_path):
    arguments = [
        *BUTLER[1:],
        "report",
        str(tmp_path / "r"),
        "--log",
        str(log),
        "--config",
        str(config),
    ]
    terminal = pexpect.spawn(BUTLER[0], arguments, timeout=PATIENCE_S, encoding="utf-8")
    terminal.expect("## Versions")
    terminal.expect(r"Write this to .* \[y/N\] ")
    assert not (tmp_path / "r").exists()
    terminal.sendline("y")
    terminal.expect("It was sent nowhere")
    terminal.expect(pexpect.EOF)

    assert (tmp_path / "r").read_text().startswith("## Versions")


def test_a_file_that_exists_is_not_overwritten(config, log):
    done = run_butler("report", log, "--log", log, "--yes", "--config", config)

    assert done.returncode == 1
    assert done.stderr == f"{log} exists. Name another file.\n"


def test_a_log_that_cannot_be_read_is_one_sentence(config):
    done = run_butler("report", "r", "--log", "/no/such", "--yes", "--config", config)

    assert done.stderr == "/no/such cannot be read: No such file or directory.\n"
