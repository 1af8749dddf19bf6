"""A working copy with all sorts of files, and its snapshots."""

import os
import subprocess

import pytest

from butler_run.snapshots.snapshots import SnapshotFolder

SECRETIVE = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]


@pytest.fixture
def ask_git(tmp_path):
    def asked(*arguments, cwd=tmp_path / "copy"):
        return subprocess.run(
            ["git", *IDENTITY, *arguments],
            cwd=cwd,
            env=os.environ | SECRETIVE,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    return asked


@pytest.fixture
def empty_copy(tmp_path, ask_git, monkeypatch):
    for name, value in SECRETIVE.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "copy").mkdir()
    ask_git("init", "--quiet", "--initial-branch=main")
    return tmp_path / "copy"


@pytest.fixture
def copy(empty_copy, ask_git):
    """Return a working copy with one commit, something staged, changed, untracked and ignored."""
    _write(empty_copy, {"a.txt": "1\n2\n", "b.txt": "b\n", ".gitignore": "*.log\n", "sub/c": "c"})
    ask_git("add", "--all")
    ask_git("commit", "--quiet", "-m", "first")
    _write(empty_copy, {"b.txt": "staged\n"})
    ask_git("add", "b.txt")
    _write(empty_copy, {"b.txt": "changed\n", "new.txt": "new\n", "x.log": "ignored"})
    return empty_copy


@pytest.fixture
def snapshots(copy, tmp_path):
    return SnapshotFolder(tmp_path / "store").of(copy)


@pytest.fixture
def ask_store(tmp_path, ask_git):
    """Ask git about the one store that there is."""

    def asked(*arguments):
        (store,) = (tmp_path / "store").iterdir()
        return ask_git("--git-dir", str(store), *arguments)

    return asked


def _write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
