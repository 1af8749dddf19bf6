"""`butler init` asks a person what it cannot find out."""

import os
import signal
import tomllib

import pexpect
import pytest

from butler.testing import make_working_copy
from butler_process import BUTLER, PATIENCE_S


@pytest.fixture
def terminal(tmp_path):
    """`butler init` in a terminal, in a folder with the repo api and two agents installed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("claude-agent-acp", "codex-acp"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    folder = tmp_path / "work"
    make_working_copy(folder / "api")
    process = pexpect.spawn(
        BUTLER[0],
        [*BUTLER[1:], "init"],
        cwd=str(folder),
        encoding="utf-8",
        timeout=PATIENCE_S,
        # A shell's job in the background leaves it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "TERM": "dumb"},
    )
    yield process
    process.close(force=True)


def answer(process, question, text):
    process.expect(question)
    process.sendline(text)


def written(tmp_path):
    return tomllib.loads((tmp_path / "work" / "config.toml").read_text())


def test_a_dialogue_writes_the_same_file(terminal, tmp_path):
    answer(terminal, "Repos found: those in this folder. Use them", "")
    answer(terminal, "Your phone number", "0151 12345678")
    terminal.expect("country code|neither a phone number")
    answer(terminal, "Your phone number", "+49 151 12345678")
    answer(terminal, "The agent for /run: claude, codex", "codex")
    answer(terminal, "Link a WhatsApp account now", "n")
    terminal.expect(pexpect.EOF)

    config = written(tmp_path)
    assert config["repo_folders"] == ["."]
    assert config["access"]["owners"] == ["+4915112345678"]
    assert config["plugins"]["run"]["agent"] == "codex"


def test_enter_takes_what_was_found(terminal, tmp_path):
    for question in (
        "Use them",
        "Your phone number",
        "The agent for /run",
        "Link a WhatsApp account",
    ):
        answer(terminal, question, "")
    terminal.expect(pexpect.EOF)

    config = written(tmp_path)
    assert config["repo_folders"] == ["."]
    assert "owners" not in config["access"]
    assert config["plugins"]["run"]["agent"] == "claude"


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_leaving_the_dialogue_writes_nothing(terminal, tmp_path, key):
    answer(terminal, "Use them", "")
    terminal.expect("Your phone number")
    terminal.send(key)

    terminal.expect("Nothing was written.")
    terminal.expect(pexpect.EOF)
    assert not (tmp_path / "work" / "config.toml").exists()
