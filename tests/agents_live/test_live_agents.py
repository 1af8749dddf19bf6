"""The real Claude Code, and its agent for the Agent Client Protocol, against a model's stand-in.

``BUTLER_LIVE_AGENTS`` names the folder that holds ``claude`` and ``claude-agent-acp``; without it
nothing is run.
"""

import asyncio
import json
import os
import subprocess

import pytest

from butler_run.agents import (
    AcpAgent,
    AgentError,
    ClaudeAgent,
    ConversationLostError,
    Finished,
    Mode,
    OptionKind,
    PermissionAsked,
    Reason,
    Started,
    Text,
    Wishes,
)
from butler_run.snapshots.snapshots import Moment, SnapshotFolder, Undone, summary

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.live_agents,
    pytest.mark.skipif("BUTLER_LIVE_AGENTS" not in os.environ, reason="make test-agents"),
]

WISH = "Please write made.txt."


@pytest.fixture(params=[lambda: AcpAgent(["claude-agent-acp"]), ClaudeAgent], ids=["acp", "claude"])
def agent(request):
    return request.param()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "copy"
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


@pytest.fixture
def play(agent, folder, environment):
    """Play a prompt, answering every question with the option of this kind."""

    async def played(prompt, kind="allow_once", **wanted):
        events = []
        async with agent.start(prompt, folder=folder, environment=environment, **wanted) as run:
            async for event in run:
                events.append(event)
                if isinstance(event, PermissionAsked):
                    chosen = next(o for o in event.options if o.kind == kind)
                    await run.answer(event.id, chosen.id)
        return events

    return played


def _one(events, kind):
    return next(event for event in events if isinstance(event, kind))


async def test_a_file_is_written_after_a_yes_and_undone(play, folder, model, tmp_path):
    snapshots = SnapshotFolder(tmp_path / "store").of(folder)
    before = await snapshots.take(1, Moment.BEFORE)

    events = await play(WISH)
    after = await snapshots.take(1, Moment.AFTER)

    question = _one(events, PermissionAsked)
    assert "made.txt" in question.tool
    assert question.changes[0].new == "made by the model\n"
    kinds = {option.kind for option in question.options}
    assert kinds >= {OptionKind.ALLOW_ONCE, OptionKind.REJECT}
    assert "".join(e.text for e in events if isinstance(e, Text)).endswith(model.ANSWER)
    assert events[-1] == Finished(Reason.DONE)
    assert (folder / "made.txt").read_text() == "made by the model\n"
    assert summary(await snapshots.files(before, after)) == "1 file +1 −0"
    assert await snapshots.undo(before, after) == Undone(("made.txt",))
    assert not (folder / "made.txt").exists()


async def test_no_file_is_written_after_a_no(play, folder):
    await play(WISH, kind="reject")

    assert not (folder / "made.txt").exists()


async def test_a_mode_that_takes_edits_does_not_ask(play, folder):
    events = await play(WISH, wishes=Wishes(Mode.EDITS))

    assert not any(isinstance(event, PermissionAsked) for event in events)
    assert (folder / "made.txt").exists()


async def test_a_conversation_is_resumed(play):
    conversation_id = _one(await play("hello"), Started).conversation_id

    events = await play("hello again", conversation_id=conversation_id)

    assert events[-1] == Finished(Reason.DONE)
    assert sum(isinstance(event, Text) for event in events) == 1


async def test_a_conversation_that_is_not_there_is_lost(play):
    with pytest.raises(ConversationLostError):
        await play("hello", conversation_id="00000000-0000-4000-8000-000000000000")


async def test_cancelling_answers_the_question_and_leaves_nothing(agent, folder, environment):
    async with agent.start(WISH, folder=folder, environment=environment) as run:
        async for event in run:
            if isinstance(event, PermissionAsked):
                cancelling = asyncio.create_task(run.cancel())
        await cancelling

    assert event == Finished(Reason.CANCELLED)
    assert not (folder / "made.txt").exists()


async def test_an_agent_without_a_key_says_so(play, environment):
    del environment["ANTHROPIC_API_KEY"]

    with pytest.raises(AgentError, match="not logged in"):
        await play("hello")


@pytest.fixture
def sprung(folder, tmp_path):
    """Let the repo bring a hook, a server and a permission; return what each of them would make."""
    made = {name: tmp_path / f"{name}-ran" for name in ("hook", "server")}
    hook = {"hooks": [{"type": "command", "command": f"touch {made['hook']}"}]}
    settings = {
        "hooks": {"SessionStart": [hook], "UserPromptSubmit": [hook]},
        "permissions": {"allow": ["Write", "Write(**)"]},
        "enableAllProjectMcpServers": True,
    }
    (folder / ".claude").mkdir()
    (folder / ".claude" / "settings.json").write_text(json.dumps(settings))
    server = {"command": "touch", "args": [str(made["server"])]}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"trap": server}}))
    return lambda: [name for name, path in made.items() if path.exists()]


@pytest.mark.parametrize("is_resumed", [False, True])
async def test_what_a_repo_brings_runs_nothing_and_allows_nothing(play, sprung, is_resumed):
    begun = _one(await play("hello"), Started) if is_resumed else Started(None)

    events = await play(WISH, conversation_id=begun.conversation_id)

    assert _one(events, PermissionAsked)
    assert sprung() == []


@pytest.mark.parametrize("make", [AcpAgent, ClaudeAgent])
async def test_what_a_trusted_repo_brings_counts(make, sprung, folder, environment):
    command = ["claude-agent-acp"] if make is AcpAgent else ["claude"]
    agent = make(command, is_trusted=True)
    async with agent.start("hello", folder=folder, environment=environment) as run:
        async for _ in run:
            pass

    assert "hook" in sprung()
