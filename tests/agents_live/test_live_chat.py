"""The real agents, talked to from a chat."""

import json
import os
import time

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
        assert "no files changed" not in await chat.next_reply()


@pytest.mark.parametrize(
    ("kind", "command"), [("acp", ["claude-agent-acp"]), ("claude", ["claude"])]
)
async def test_a_file_is_written_after_a_yes_shown_and_undone(
    tmp_path, environment, monkeypatch, kind, command
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    made = make_working_copy(tmp_path / "api") / "made.txt"
    passed = [name for name in environment if name not in {"PATH", "HOME", "LANG"}]
    path = tmp_path / "butler.toml"
    path.write_text(f"""
        data_dir = "{tmp_path}/data"
        repos.api.path = "{tmp_path}/api"
        access.owners = ["{OWNER}"]
        [plugins.run]
        sandbox = "off"
        [plugins.run.agents.claude]
        kind = "{kind}"
        command = {json.dumps(command)}
        env = {json.dumps(passed)}
    """)
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await chat("/run Please write made.txt.")
        await _said(chat, "1 or 👍 yes")
        assert not made.exists()
        await chat("yes", time=time.time() + HASTE_S)
        await _said(chat, "/undo")

        assert made.exists()
        assert "made.txt" in (await chat("/diff"))[0]
        assert await chat("/undo") == ["Run 1 was undone: made.txt."]
        assert not made.exists()
