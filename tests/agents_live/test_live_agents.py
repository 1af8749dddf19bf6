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
    Decision,
    Finished,
    InputAsked,
    Mode,
    OptionKind,
    PermissionAsked,
    PlanProposed,
    Reason,
    Started,
    Tasks,
    Text,
    Wishes,
)
from butler_run.snapshots.changes import summary
from butler_run.snapshots.restoration import Undone
from butler_run.snapshots.snapshots import Moment, SnapshotFolder

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
def answer(agent, folder, environment):
    """Play a prompt and answer what it asks; return the events."""

    async def answered(prompt, reply, **wanted):
        events = []
        async with agent.start(prompt, folder=folder, environment=environment, **wanted) as run:
            async for event in run:
                events.append(event)
                await reply(run, event)
        return events

    return answered


async def test_its_own_questions_are_answered(answer, model):
    async def reply(run, event):
        if isinstance(event, InputAsked):
            values = ["Blue", ("Docs", "and more")]
            answers = {field.key: value for field, value in zip(event.fields, values, strict=True)}
            await run.fill(event.id, answers)

    events = await answer("Please ask me.", reply)

    asked = _one(events, InputAsked)
    assert [field.question for field in asked.fields] == ["Which colour?", "Which parts?"]
    assert [label.text for label in asked.fields[0].labels] == ["Red", "Blue"]
    assert asked.fields[1].is_many
    assert model.was_told('"Which colour?"="Blue"', '"Which parts?"="Docs, and more"')


async def test_nobody_answering_is_told_to_the_model(answer, model):
    async def reply(run, event):
        if isinstance(event, InputAsked):
            await run.fill(event.id, None, "Nobody is there, says Butler.")

    await answer("Please ask me.", reply)

    assert model.was_told("Nobody is there, says Butler.")


@pytest.mark.parametrize("decision", [Decision.GO, Decision.GO_EDITING])
async def test_a_plan_is_proposed_and_carried_out(answer, model, folder, decision):
    questions = []

    async def reply(run, event):
        if isinstance(event, PlanProposed):
            assert event.plan == model.PLAN
            await run.decide(event.id, decision)
        if isinstance(event, PermissionAsked):
            questions.append(event)
            await run.answer(event.id, next(o.id for o in event.options if o.kind == "allow_once"))

    events = await answer("Please plan it.", reply, wishes=Wishes(Mode.PLAN))

    assert _one(events, PlanProposed)
    assert (folder / "made.txt").exists()
    assert len(questions) == (1 if decision is Decision.GO else 0)


async def test_the_reason_against_a_plan_is_told_to_the_model(answer, model, folder):
    async def reply(run, event):
        if isinstance(event, PlanProposed):
            await run.decide(event.id, Decision.NO, "Use no database, says Anna.")
        if isinstance(event, PermissionAsked):
            await run.answer(event.id, None)

    await answer("Please plan it.", reply, wishes=Wishes(Mode.PLAN))

    assert model.was_told("Use no database, says Anna.")
    assert not (folder / "made.txt").exists()


async def test_it_offers_models_efforts_modes_and_its_conversations(
    play, agent, folder, environment
):
    started = _one(await play("hello"), Started)

    offer = await agent.look(folder=folder, environment=environment)

    assert {"opus", "sonnet"} <= {label.value for label in offer.models}
    assert "high" in {label.value for label in offer.efforts}
    assert {*offer.modes} == {*Mode}
    assert started.conversation_id in {each.id for each in offer.conversations}
    assert any("hello" in each.title for each in offer.conversations)


async def test_it_works_with_another_model_and_effort(play, model):
    await play("hello", wishes=Wishes(model="sonnet", effort="high"))

    assert any("sonnet" in name for name in model.MODELS_ASKED)


async def test_a_copy_of_a_conversation_is_another_one(play):
    begun = _one(await play("hello"), Started).conversation_id

    copied = _one(
        await play("hello again", conversation_id=begun, wishes=Wishes(is_forked=True)), Started
    )

    assert copied.conversation_id not in {None, begun}


async def test_a_usage_limit_is_an_end_of_its_own(play):
    assert (await play("Please reach the limit."))[-1].reason is Reason.LIMITED


async def test_a_conversation_that_is_too_long_is_an_end_of_its_own(play):
    assert (await play("Please be far too long."))[-1].reason is Reason.TOO_LONG


async def test_a_command_in_the_background_is_told(play):
    events = await play("Please wait in the background.")

    assert [len(each.background) for each in events if isinstance(each, Tasks)][-1] == 1
    assert events[-1] == Finished(Reason.DONE)


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
