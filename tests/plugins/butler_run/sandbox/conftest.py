"""Chats whose agents work in a sandbox, on folders that it does not hide by itself."""

import json
import os
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from butler.app import read_setup
from butler.testing import OWNER, make_working_copy, open_chat

PLACES = ("/srv", "/opt", "/var/lib")


@pytest.fixture
def outside():
    """Make a folder that no sandbox hides by itself, as one below /tmp or at home would be."""
    place = next((each for each in PLACES if os.access(each, os.W_OK)), None)
    if place is None:
        pytest.skip(f"none of {', '.join(PLACES)} can be written")
    folder = Path(tempfile.mkdtemp(prefix="butler-test-", dir=place))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def api(outside):
    return make_working_copy(outside / "api")


@pytest.fixture
def butler_toml(outside, api):
    make_working_copy(outside / "other")
    (outside / "other" / "secret.txt").write_text("secret of another repo")
    return f"""
        data_dir = "{outside}/data"
        repos.api.path = "{api}"
        repos.other.path = "{outside}/other"
        [access]
        owners = ["{OWNER}"]
        chats = ["team@g.us"]
        [plugins]
        enabled = ["session", "run"]
        [plugins.run]
        agent = "shell"
        max_runs_per_hour = 100
        [plugins.run.agents.shell]
        kind = "command"
        command = ["sh"]
    """


@pytest.fixture
def shell(chat, run):
    """Let a shell in the sandbox carry out a script and return what the chat is told of it."""

    async def ran(script):
        await chat("/use api")
        return await run(chat, f"exec 2>&1\n{script}")

    return ran


@pytest.fixture
def shell_with(run):
    """Do the same with another configuration, in a file of its own."""

    @asynccontextmanager
    async def opened(toml, path):
        path.write_text(toml)
        path.chmod(0o600)
        async with open_chat(read_setup(path)) as chat:
            await chat("/use api")

            async def ran(script):
                return await run(chat, f"exec 2>&1\n{script}")

            yield ran

    return opened


@pytest.fixture
def home(monkeypatch, outside):
    """Return the user's home folder, which is another one in each test."""
    folder = outside / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def written(home):
    """Write a file of the home folder."""

    def wrote(name, text="there"):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    return wrote
