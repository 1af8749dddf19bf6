import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from butler import cli
from butler.cli.exit_status import run_to_the_end
from butler.core.loader import installed
from butler.errors import (
    ConfigError,
    DataError,
    LastingDataError,
    LinkEndedError,
    PluginError,
    TransportError,
)
from butler_process import BUTLER, PATIENCE_S, line, run_butler, start_butler, write_config


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


@pytest.fixture
def butler(capsys):
    """Run a sub-command in this process; return status, stdout and stderr."""

    def butler(*arguments):
        try:
            status = cli.main([*map(str, arguments)])
        except SystemExit as refused:
            status = refused.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return butler


def test_without_a_command_there_is_the_usage_and_status_2(butler):
    status, out, err = butler()

    assert (status, out) == (2, "")
    assert "usage: butler" in err


def test_help_names_every_command(butler):
    status, out, _err = butler("--help")

    assert status == 0
    for name in ("run", "console", "pair", "check", "sessions", "plugins", "init"):
        assert f"\n    {name} " in out


def test_the_version_is_that_of_the_distribution(butler):
    assert butler("--version") == (0, "butler 0.2.0\n", "")


def test_version_names_what_else_matters_in_a_report(butler):
    status, out, _err = butler("version")

    assert status == 0
    assert re.fullmatch(r"butler 0\.2\.0 \(Python 3\.\d+\.\d+, neonize \d+\.\d+\.\d+\)\n", out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "invalid choice: 'nonsense'"),
        (("sessions", "clear"), "required: CHAT"),
        (("console", "--sender", "me"), "--sender: 'me' is neither a phone number"),
        (("console", "--jsonl", "--chat", "a"), "--chat and --sender are for the terminal"),
        (("console", "--jsonl", "--sender", "1@lid"), "--chat and --sender are for the terminal"),
        (("check", "--config", "nope.toml"), "There is no file nope.toml."),
        (("check", "--config", "/"), "/ cannot be read: Is a directory."),
    ],
)
def test_wrong_usage_is_said_on_stderr_with_status_2(butler, arguments, said):
    status, out, err = butler(*arguments)

    assert (status, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    "command", [("run",), ("console",), ("check",), ("sessions",), ("plugins",)]
)
def test_without_a_configuration_every_command_says_how_to_write_one(
    butler, tmp_path, monkeypatch, command
):
    monkeypatch.chdir(tmp_path)

    status, out, err = butler(*command)

    assert (status, out) == (2, "")
    assert err.endswith("Write one with: butler init\n")


@pytest.mark.parametrize("command", ["run", "console", "check", "plugins"])
def test_all_mistakes_in_the_configuration_are_said_at_once(butler, tmp_path, command):
    path = tmp_path / "config.toml"
    names = ", ".join(installed())
    path.write_text("prefx = '!'\n[plugins]\nenabled = ['session', 'nope']\n[log]\nlevel = 1")

    status, out, err = butler(command, "--config", path)

    assert (status, out) == (2, "")
    assert err.splitlines() == [
        f"{path}: log.level: expected 'debug', 'info', 'warning' or 'error', found 1",
        f"{path}: prefx: unknown key; did you mean prefix?",
        f"{path}: plugins.enabled: plugin 'nope' is not installed (installed: {names}).",
    ]


@pytest.mark.parametrize("command", [("console",), ("console", "--jsonl"), ("sessions",)])
@pytest.mark.parametrize(
    ("data_dir", "sentence"),
    [
        ("config.toml", "{}/config.toml is not a folder.\n"),
        ("/dev/null/x", "The folder /dev/null/x cannot be used: Not a directory.\n"),
    ],
)
def test_a_data_folder_that_cannot_be_is_one_sentence_and_status_2(
    config, command, data_dir, sentence
):
    config.write_text(config.read_text().replace('"data"', f'"{data_dir}"'))

    ended = run_butler(*command, "--config", config)

    assert (ended.stdout, ended.returncode) == ("", 2)
    assert ended.stderr == sentence.format(config.parent)


@pytest.mark.parametrize("file", ["sessions", "records", "console", "grants"])
@pytest.mark.parametrize("content", [b"no database, but long enough to look at" * 9, b"\0" * 5_000])
def test_a_damaged_file_is_one_sentence_and_is_left_as_it_is(config, file, content):
    path = config.parent / "data" / f"{file}.sqlite3"
    path.parent.mkdir()
    path.write_bytes(content)

    ended = run_butler("console", "--jsonl", "--config", config, text=line("/use api"))

    assert (ended.stdout, ended.returncode) == ("", 2)
    assert ended.stderr.count("\n") == 1
    assert str(path) in ended.stderr
    assert path.read_bytes() == content


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_a_reader_that_goes_away_is_no_traceback(argument):
    process = start_butler(argument)
    process.stdout.close()

    assert process.wait(PATIENCE_S) in {0, 1, 120}
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.stdin.close()


@pytest.mark.parametrize("command", [("--version",), ("sessions",), ("plugins",)])
def test_output_that_cannot_be_written_is_one_sentence(config, command):
    arguments = [*command, "--config", config] if command != ("--version",) else command
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*BUTLER, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert ended.returncode == 1
    assert ended.stderr == "The output cannot be written: No space left on device.\n"


def test_a_folder_whose_name_is_no_text_can_be_shown(tmp_path):
    folder = tmp_path / os.fsdecode(b"\xe9")
    folder.mkdir()

    ended = run_butler("init", cwd=folder)

    assert (ended.stderr, ended.returncode) == ("", 0)
    assert run_butler("check", cwd=folder).stderr == ""


def test_init_writes_what_check_reads(butler, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert butler("init")[:1] == (0,)
    status, out, err = butler("init")
    assert (status, out) == (2, "")
    assert err.startswith("config.toml already exists and was not changed.")


def test_run_without_an_account_is_one_sentence(config):
    ended = run_butler("run", "--config", config)

    assert (ended.stdout, ended.returncode) == ("", 2)
    assert ended.stderr.splitlines()[-1] == (
        "No WhatsApp account is linked yet. Link one with: butler pair"
    )


def test_python_m_butler_is_butler(mocker):
    assert run_butler("--version").stdout == "butler 0.2.0\n"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 1),
        (BrokenPipeError(), 1),
        (TransportError("x"), 1),
        (DataError("x"), 1),
        (LinkEndedError("x"), 2),
        (LastingDataError("x"), 2),
        (ConfigError("x"), 2),
        (PluginError("x"), 2),
    ],
)
def test_what_only_a_person_can_mend_is_status_2_and_other_failures_are_1(
    butler, mocker, error, status
):
    mocker.patch("butler.cli.version.short", side_effect=error)

    assert butler("--version")[0] == status


async def _raise(error):
    raise error


def test_the_one_error_of_a_task_group_is_that_error(mocker):
    inner = TransportError("The link is gone.")

    with pytest.raises(TransportError):
        run_to_the_end(_raise(ExceptionGroup("a", [ExceptionGroup("b", [inner])])))


def test_several_errors_of_a_task_group_are_a_bug():
    with pytest.raises(ExceptionGroup):
        run_to_the_end(_raise(ExceptionGroup("a", [ValueError(), TypeError()])))


def test_what_a_signal_cut_short_has_failed():
    import asyncio

    assert run_to_the_end(_raise(asyncio.CancelledError())) == 1


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], ("neonize", "pydantic", "prompt_toolkit", "asyncio", "butler.app")),
        (["--version"], ("neonize", "pydantic", "prompt_toolkit", "asyncio", "butler.app")),
        (["check"], ("neonize", "prompt_toolkit", "google.protobuf", "segno", "markdown_it")),
        (["sessions"], ("neonize", "prompt_toolkit", "google.protobuf", "segno")),
        (["plugins"], ("neonize", "prompt_toolkit", "google.protobuf", "segno")),
    ],
)
def test_a_command_imports_no_more_than_it_needs(config, arguments, absent):
    program = (
        "import sys\n"
        "from butler.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    if arguments[0][0] != "-":
        arguments = [*arguments, "--config", str(config)]

    said = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    modules = said.stderr.split()
    assert "butler.cli" in modules
    assert not [each for each in modules if each.startswith(absent)]


def test_ctrl_c_in_a_command_is_no_traceback(config):
    process = start_butler("console", "--jsonl", "--config", config)
    process.stdin.write(line("/use api").encode())
    process.stdin.flush()
    process.stdout.readline()

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)

    assert (out, err, process.returncode) == (b"", b"", 0)
