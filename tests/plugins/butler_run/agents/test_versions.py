"""The versions of agents, for `butler doctor`."""

import os

import pytest

from butler.app import read_setup
from butler.ops.checks import trials
from butler_process import write_config


@pytest.fixture
def doctor(tmp_path, monkeypatch):
    """Install an adapter of Claude Code that is a script; return what the doctor says of it."""

    def told(script):
        program = tmp_path / "bin" / "claude-agent-acp"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        path = write_config(tmp_path, '[plugins.run]\nagent = "claude"\n')
        return [(each.word, each.subject, each.detail) for each in trials(read_setup(path))]

    return told


def test_the_version_of_the_agent_is_said(doctor):
    said = doctor('[ "$1" = --version ] && echo 0.101.0')

    assert said == [("ok", "agent claude", "claude-agent-acp says it is version 0.101.0")]


def test_an_agent_that_does_not_start_is_a_problem(doctor, tmp_path):
    said = doctor("echo it is broken >&2; exit 1")

    program = tmp_path / "bin" / "claude-agent-acp"
    detail = f"{program} does not start: it is broken; install it again"
    assert said == [("WRONG", "agent claude", detail)]


def test_an_agent_that_tells_no_version_is_no_problem(doctor, tmp_path):
    said = doctor("exit 0")

    detail = f"{tmp_path}/bin/claude-agent-acp starts, and does not tell its version"
    assert said == [("ok", "agent claude", detail)]


def test_a_program_that_is_no_known_agent_is_not_run(tmp_path):
    more = "[plugins.run]\nagent = 'mine'\n[plugins.run.agents.mine]\nkind = 'command'\n"
    path = write_config(tmp_path, f"{more}command = ['sh', '-c', 'touch {tmp_path}/ran']\n")

    assert [*trials(read_setup(path))] == []
    assert not (tmp_path / "ran").exists()
