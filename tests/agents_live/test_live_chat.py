"""The real agents, talked to from a chat."""

import json
import os
import time
from pathlib import Path

import pytest

from butler.app import read_setup
from butler.testing import OWNER, make_working_copy, open_chat
from butler_run.permissions.questions import HASTE_S

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.live_agents,
    pytest.mark.skipif("BUTLER_LIVE_AGENTS" not in os.environ, reason="make test-agents"),
]


async def _said(chat, text):
    """Wait until a text was said; several messages may come at once."""
    while not any(text in each.reply.text for each in chat.transport.sent):
        await chat.next_reply()


@pytest.fixture
def write_config(tmp_path, environment, monkeypatch):
    """Write a configuration with Claude as its agent, which asks the stand-in."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    passed = [name for name in environment if name not in {"PATH", "HOME", "LANG"}]

    def written(kind, command, sandbox):
        path = tmp_path / "butler.toml"
        path.write_text(f"""
            data_dir = "{tmp_path}/data"
            repos.api.path = "{tmp_path}/api"
            access.owners = ["{OWNER}"]
            [plugins.run]
            sandbox = "{sandbox}"
            [plugins.run.agents.claude]
            kind = "{kind}"
            command = {json.dumps(command)}
            env = {json.dumps(passed)}
        """)
        return path

    return written


@pytest.fixture
def conversations(environment):
    """Return the conversations that Claude has kept."""
    projects = Path(environment["HOME"], ".claude", "projects")
    return lambda: list(projects.glob("*/*.jsonl"))


@pytest.mark.parametrize("sandbox", ["off", "bwrap"])
@pytest.mark.parametrize(
    ("kind", "command"), [("acp", ["claude-agent-acp"]), ("claude", ["claude"])]
)
async def test_a_file_is_written_after_a_yes_shown_and_undone(
    tmp_path, write_config, kind, command, sandbox
):
    made = make_working_copy(tmp_path / "api") / "made.txt"
    path = write_config(kind, command, sandbox)
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await chat("/run Please write made.txt.")
        await _said(chat, "1 or 👍 yes")
        assert not made.exists()
        await chat("yes", time=time.time() + HASTE_S)
        await _said(chat, "/undo")

        assert made.exists()
        assert "made.txt" in (await chat("/diff"))[0]
        assert await chat("/undo") == ["Run 1 in *api* was undone: made.txt."]
        assert not made.exists()


@pytest.mark.parametrize(
    ("kind", "command"), [("acp", ["claude-agent-acp"]), ("claude", ["claude"])]
)
async def test_a_conversation_goes_on_in_the_next_sandbox(
    tmp_path, conversations, write_config, kind, command
):
    make_working_copy(tmp_path / "api")
    async with open_chat(read_setup(write_config(kind, command, "bwrap"))) as chat:
        await chat("/use api")
        for number in (1, 2):
            await chat("/run hello")
            await _said(chat, f"Run {number} in *api*: done")

    assert len(conversations()) == 1
