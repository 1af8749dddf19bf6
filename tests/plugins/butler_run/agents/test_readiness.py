"""Whether an agent could start: see also what `butler check` says, in tests/ops/test_checks.py."""

import pytest

from butler_run.agents.readiness import interpreter, interpreter_problem, with_own_folder_first


@pytest.fixture
def program(tmp_path):
    """Write a program with a first line; return its path."""

    def program(first_line, name="agent"):
        path = tmp_path / name
        path.write_bytes(first_line + b"\n")
        path.chmod(0o755)
        return path

    return program


@pytest.mark.parametrize(
    ("first_line", "command"),
    [
        (b"#!/bin/sh", ["/bin/sh"]),
        (b"#! /bin/sh -e", ["/bin/sh"]),
        (b"#!/usr/bin/env node", ["/usr/bin/env", "node"]),
        (b"#!/usr/bin/env -S node --flag", ["/usr/bin/env", "node"]),
        (b"#!/usr/bin/env A=1 node", ["/usr/bin/env", "node"]),
        (b"#!/usr/bin/env", ["/usr/bin/env"]),
        (b"#!", []),
        (b"#!'", []),
        (b"\x7fELF", []),
        (b"", []),
    ],
)
def test_an_interpreter_is_what_the_first_line_names(program, first_line, command):
    assert interpreter(program(first_line)) == command


def test_a_program_that_is_gone_has_no_interpreter(tmp_path):
    assert interpreter(tmp_path / "gone") == []


def test_an_interpreter_that_never_answers_is_a_problem(program, mocker):
    mocker.patch("butler_run.agents.readiness._TIMEOUT_S", 0.2)
    slow = program(b"#!/bin/sh\nexec sleep 60", "slow")

    problem = interpreter_problem(program(f"#!{slow}".encode()), {"PATH": "/usr/bin:/bin"})

    assert problem.endswith("slow, which does not answer to --version.")


@pytest.mark.parametrize("first_line", [b"#!/bin/sh\r", b"#!/usr/bin/env sh\r"])
def test_line_ends_of_windows_are_a_problem(program, first_line):
    problem = interpreter_problem(program(first_line), {"PATH": "/usr/bin:/bin"})

    assert problem.endswith(
        "agent has line ends of Windows, so it does not start: dos2unix mends that."
    )


def test_the_folder_of_a_program_comes_first(program, tmp_path):
    own = str(program(b"#!/bin/sh"))

    assert with_own_folder_first({"PATH": "/usr/bin"}, own)["PATH"] == f"{tmp_path}:/usr/bin"


@pytest.mark.parametrize("name", ["sh", "/bin/sh", "no-such-program"])
def test_folders_of_the_system_hide_nothing_of_the_users(name, tmp_path):
    path = f"{tmp_path}:/usr/bin:/bin"

    assert with_own_folder_first({"PATH": path}, name) == {"PATH": path}
