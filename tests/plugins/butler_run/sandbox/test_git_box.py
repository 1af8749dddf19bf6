"""Git alone in a sandbox."""

import subprocess

import pytest

from butler.testing import make_working_copy
from butler_run.sandbox.bubblewrap import command_line
from butler_run.sandbox.git_box import git_box
from butler_run.sandbox.probe import find


@pytest.fixture
def ask():
    """Run git in its box and return what it wrote, errors included."""

    def asked(folder, *arguments, **places):
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "GIT_OPTIONAL_LOCKS": "0"}
        command = command_line(find().program, git_box(folder, **places), ["git", *arguments])
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return done.stdout + done.stderr

    return asked


def test_git_answers_as_outside(ask, tmp_path):
    copy = make_working_copy(tmp_path / "api")
    (copy / "new.txt").touch()

    assert ask(copy, "status", "--porcelain") == "?? new.txt\n"


def test_a_program_that_the_repository_names_sees_and_writes_nothing_else(ask, tmp_path):
    copy = make_working_copy(tmp_path / "api")
    (tmp_path / "secret").write_text("secret")
    monitor = f"cat {tmp_path}/secret /etc/passwd >&2; touch {copy}/made {tmp_path}/made; false"
    with (copy / ".git" / "config").open("a") as file:
        file.write(f'[core]\n\tfsmonitor = "{monitor}"\n')

    said = ask(copy, "status")

    assert "No such file or directory" in said
    assert "root:" not in said
    assert not (copy / "made").exists()
    assert not (tmp_path / "made").exists()


def test_what_is_writable_is_written(ask, tmp_path):
    copy = make_working_copy(tmp_path / "api")

    assert "Read-only file system" in ask(copy, "branch", "other")
    assert ask(copy, "branch", "other", writable=[copy / ".git"]) == ""
