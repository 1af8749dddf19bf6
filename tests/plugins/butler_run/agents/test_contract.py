"""What every agent does, whatever it speaks."""

import asyncio
import json
import os
from typing import ClassVar

import pytest

from butler.testing.agents import scripted_agent
from butler_run.agents import (
    AcpAgent,
    AgentCommand,
    AgentError,
    ClaudeAgent,
    CommandAgent,
    CommandsAnnounced,
    ConversationLostError,
    Delayed,
    Finished,
    LimitReachedError,
    NotReadyError,
    OptionKind,
    Patience,
    PermissionAsked,
    ProcessLimits,
    Reason,
    Started,
    Text,
    allowed_environment,
)

KINDS = ("acp", "claude", "command")
QUICK = ProcessLimits(quit_grace_s=0.1, end_interval_s=0.2)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


async def test_a_run_starts_says_and_finishes(events_of, kind):
    events = await events_of(kind, {"turns": [[{"say": "Done: {prompt}"}]]}, prompt="a\nb")

    assert isinstance(events[0], Started)
    assert [e for e in events if isinstance(e, Text)] == [Text("Done: a\nb")]
    assert events[-1] == Finished(Reason.DONE)


async def test_the_retries_of_an_agent_are_told(events_of, kind, said):
    retry = {"attempt": 3, "of": 10, "delay_s": 8, "error": "overloaded"}

    events = await events_of(kind, {"turns": [[{"retry": retry}, {"pause": 0.1}, {"say": "x"}]]})

    assert Delayed("the model is overloaded, tries again 3 of 10 in 8 s") in events
    assert said(events) == "x"


async def test_a_download_before_the_start_is_told(
    scripts, folder, environment, kind, mocker, tmp_path
):
    mocker.patch("butler_run.agents.signs.DOWNLOAD_S", 0.0)
    npx = tmp_path / "npx"
    npx.write_text('#!/bin/sh\nsleep 0.2; shift; exec "$@"\n')
    npx.chmod(0o755)
    command = [str(npx), "an-agent", *scripted_agent(kind, scripts, {"turns": [[{"say": "x"}]]})]
    agent = {"acp": AcpAgent, "claude": ClaudeAgent, "command": CommandAgent}[kind](command)

    async with agent.start("p", folder=folder, environment=environment) as run:
        events = [event async for event in run]

    told = Delayed("npx is downloading the agent") in events
    assert told is (kind != "command")  # of any program it is not known what its start is


@pytest.mark.parametrize("prompt", ["--help", "-x", "", "ä€🙂", "{prompt}", "y" * 65_536])
async def test_a_prompt_arrives_as_it_is(events_of, kind, said, prompt):
    events = await events_of(kind, {"turns": [[{"say": "{prompt}"}]]}, prompt=prompt)

    assert said(events) == prompt


async def test_all_of_the_text_is_told_and_tools_are_not(events_of, kind, said):
    usage = {"usage": {"tokens": 9, "cost_usd": 0.25}}
    steps = [{"think": "hm"}, {"say": "a"}, {"tool": "Read"}, {"tool": "x", "is_failed": True}]

    events = await events_of(kind, {"turns": [[*steps, {"say": "b"}, usage]]})

    assert said(events).split() == (["ab"] if kind == "command" else ["a", "b"])


async def test_slash_commands_are_announced_by_agents_that_have_any(events_of, kind):
    offered = [
        {"name": "compact", "description": "Keep a summary.\nNo more."},
        {"name": "plugin:deploy", "description": ""},
        {"name": "with a space", "description": "never mind"},
    ]

    events = await events_of(kind, {"commands": offered, "turns": [[{"say": "x"}]]})

    known = (AgentCommand("compact", "Keep a summary. No more"), AgentCommand("plugin:deploy"))
    expected = [] if kind == "command" else [CommandsAnnounced(known)]
    assert [each for each in events if isinstance(each, CommandsAnnounced)] == expected


async def test_it_works_in_the_folder(events_of, kind, folder):
    (folder / "old.txt").touch()
    steps = [{"write": "made.txt", "content": "hi"}, {"delete": "old.txt"}]

    await events_of(kind, {"turns": [steps]})

    assert [file.name for file in folder.iterdir()] == ["made.txt"]


async def test_it_sees_the_environment_given_and_no_other(make, kind, folder, said, monkeypatch):
    monkeypatch.setenv("BUTLER_SECRET", "s")
    monkeypatch.setenv("WANTED", "w")
    agent = make(kind, {"turns": [[{"say_environment": ["BUTLER_SECRET", "WANTED", "HOME"]}]]})
    environment = allowed_environment(["WANTED"])

    async with agent.start("p", folder=folder, environment=environment) as run:
        seen = json.loads(said([event async for event in run]))

    assert seen == {"BUTLER_SECRET": None, "WANTED": "w", "HOME": os.environ["HOME"]}


async def test_a_line_of_10_mb_is_read(events_of, kind, said):
    events = await events_of(kind, {"turns": [[{"say_bytes": 10_000_000}]]})

    assert len(said(events)) == 10_000_000


async def test_too_much_output_ends_the_run_and_says_so(events_of, kind):
    limits = ProcessLimits(output_bytes=1_000_000, quit_grace_s=0.1, end_interval_s=0.2)

    with pytest.raises(LimitReachedError, match=r"wrote more than 1 MB of output"):
        await events_of(kind, {"turns": [[{"flood_bytes": 2**23}]]}, limits=limits)


async def test_a_failing_agent_says_why(events_of, kind):
    script = {"turns": [[{"fail": "Out of order", "details": "the disk is full"}]]}

    with pytest.raises(AgentError, match="the disk is full"):
        await _failing(events_of(kind, script))


async def _failing(events):
    """Fail in the one way or the other: the agent says so, or the run breaks off."""
    last = (await events)[-1]
    assert last.reason is Reason.FAILED
    raise AgentError(last.detail)


async def test_an_agent_that_dies_says_its_status_and_last_words(events_of, kind):
    script = {"turns": [[{"stderr": "what a day"}, {"crash": 3}]]}

    with pytest.raises(AgentError, match=r"ended with status 3: what a day"):
        await _failing(events_of(kind, script))


async def test_an_agent_that_dies_at_once_says_so(events_of, kind):
    script = {"before": [{"stderr": "no licence"}, {"crash": 4}]}

    with pytest.raises(AgentError, match=r"ended with status 4: no licence"):
        await _failing(events_of(kind, script))


@pytest.mark.parametrize(
    ("agent", "way_out"),
    [
        (AcpAgent(["none-such"], how_to_get="To get it: ask."), "To get it: ask."),
        (ClaudeAgent(["none-such"]), "npm install -g @anthropic-ai/claude-code"),
        (CommandAgent(["none-such"]), "none-such is not installed on the machine"),
    ],
)
async def test_an_agent_that_is_not_installed_says_how_to_get_it(
    agent, way_out, folder, environment
):
    with pytest.raises(AgentError, match=way_out):
        async with agent.start("p", folder=folder, environment=environment):
            pass


async def test_a_folder_that_is_gone_is_said(start, kind, folder):
    folder.rmdir()

    with pytest.raises(AgentError, match="no longer exists"):
        async with start(kind, {}):
            pass


async def test_cancelling_ends_a_run_that_is_deaf(start, kind):
    script = {"turns": [[{"say": "hi"}, {"ignore_signals": ["SIGINT", "SIGTERM"]}, {"hang": True}]]}
    async with start(kind, script, limits=QUICK) as run:
        events = aiter(run)
        await _until_text(events)
        cancelling = asyncio.create_task(run.cancel())
        rest = [event async for event in events]
        await cancelling

    assert rest[-1] == Finished(Reason.CANCELLED)


async def test_cancelling_before_anything_happened_ends_it(start, kind):
    async with start(kind, {"before": [{"hang": True}]}, limits=QUICK) as run:
        cancelling = asyncio.create_task(run.cancel())
        events = [event async for event in run]
        await cancelling

    assert events[-1] == Finished(Reason.CANCELLED)


async def test_cancelling_twice_is_no_error(start, kind):
    async with start(kind, {"before": [{"hang": True}]}, limits=QUICK) as run:
        await asyncio.gather(run.cancel(), run.cancel())


async def test_a_daemonised_grandchild_does_not_outlive_a_run(events_of, kind, scripts, is_alive):
    pid_file = scripts / "pid"
    script = {"turns": [[{"fork": {"pid_file": str(pid_file)}}, {"say": "left one behind"}]]}

    await events_of(kind, script, limits=QUICK)

    assert pid_file.exists()
    assert not is_alive(pid_file)


async def test_a_grandchild_does_not_outlive_a_cancelled_task(start, kind, scripts, is_alive):
    pid_file = scripts / "pid"
    script = {"turns": [[{"fork": {"pid_file": str(pid_file)}}, {"say": "here"}, {"hang": True}]]}

    has_spoken = asyncio.Event()
    working = asyncio.create_task(_work(start(kind, script, limits=QUICK), has_spoken))
    await has_spoken.wait()
    working.cancel()
    await asyncio.wait([working])

    assert working.cancelled()
    assert not is_alive(pid_file)


async def _work(starting, has_spoken):
    async with starting as run:
        async for event in run:
            if isinstance(event, Text):
                has_spoken.set()


async def _until_text(events):
    while not isinstance(await anext(events), Text):
        pass


@pytest.mark.parametrize("kind", ["acp", "claude"])
class TestConversing:
    """Agents that converse and ask: all but plain commands."""

    async def test_the_conversation_has_an_id(self, events_of, kind):
        events = await events_of(kind, {"conversation_id": "c-7", "turns": [[{"say": "x"}]]})

        assert events[0] == Started("c-7")

    @pytest.mark.parametrize("resume", ["accept", "reopen"])
    async def test_a_conversation_is_resumed_and_not_told_once_more(
        self, events_of, kind, said, resume
    ):
        script = {"resume": resume, "turns": [[{"say": "{conversation}"}]]}

        events = await events_of(kind, script, conversation_id="c-5")

        assert events[0] == Started("c-5")
        assert said(events) == "c-5"

    @pytest.mark.parametrize("resume", ["accept", "reopen"])
    async def test_slash_commands_are_announced_when_a_conversation_is_resumed(
        self, events_of, kind, resume
    ):
        offered = [{"name": "compact", "description": ""}]
        script = {"resume": resume, "commands": offered, "turns": [[{"say": "x"}]]}

        events = await events_of(kind, script, conversation_id="c-5")

        assert CommandsAnnounced((AgentCommand("compact"),)) in events

    @pytest.mark.parametrize("resume", ["refuse", "unsupported"])
    async def test_a_lost_conversation_is_an_error_of_its_own(self, events_of, kind, resume):
        with pytest.raises(ConversationLostError):
            await events_of(kind, {"resume": resume, "turns": [[]]}, conversation_id="c-5")

    async def test_not_being_logged_in_is_said(self, events_of, kind):
        with pytest.raises(AgentError, match="is not logged in on this machine: "):
            await events_of(kind, {"logged_in": False, "turns": [[]]})

    async def test_a_key_that_is_refused_again_ends_the_run_at_once(self, events_of, kind):
        retries = [
            {"retry": {"attempt": n, "of": 10, "delay_s": 1, "error": error, "status": 401}}
            for n, error in enumerate(["authentication_failed"] * 2, 1)
        ]

        with pytest.raises(NotReadyError, match="is not logged in on this machine: "):
            await events_of(kind, {"turns": [[*retries, {"hang": True}]]})

    async def test_a_complaint_ends_a_start_that_does_not_come(self, events_of, kind, mocker):
        mocker.patch("butler_run.agents.signs.COMPLAINT_S", 0.01)
        script = {"before": [{"stderr": "Error: not logged in"}, {"hang": True}]}

        with pytest.raises(NotReadyError, match="is not logged in on this machine: "):
            await events_of(kind, script, limits=QUICK)

    async def test_what_an_mcp_server_lacks_ends_nothing(self, events_of, kind, said, mocker):
        mocker.patch("butler_run.agents.signs.COMPLAINT_S", 0.0)
        line = 'MCP server "mail": authentication required'
        script = {"before": [{"stderr": line}, {"pause": 0.1}], "turns": [[{"say": "x"}]]}

        assert said(await events_of(kind, script)) == "x"

    async def test_garbage_instead_of_protocol_is_said(self, events_of, kind):
        script = {"before": [{"garbage": "Welcome!", "times": 50}, {"hang": True}]}

        with pytest.raises(AgentError, match=r"does not speak the expected protocol.*Welcome!"):
            await events_of(kind, script, limits=QUICK)

    async def test_a_stray_line_is_passed_over(self, events_of, kind, said):
        script = {
            "before": [{"garbage": "Welcome!"}],
            "turns": [[{"garbage": "[1]"}, {"say": "x"}]],
        }

        assert said(await events_of(kind, script)) == "x"

    async def test_a_stalled_start_is_ended(self, events_of, kind):
        with pytest.raises(AgentError, match=r"did not start within 0\.3 s"):
            await events_of(
                kind, {"before": [{"hang": True}]}, limits=QUICK, patience=Patience(0.3, 0.1)
            )

    @pytest.mark.parametrize(
        ("meant", "content"), [(OptionKind.ALLOW_ONCE, "hi"), (OptionKind.REJECT, None)]
    )
    async def test_a_question_is_asked_and_answered(self, start, kind, folder, meant, content):
        script = {"turns": [[{"ask": {"path": "made.txt", "new": "hi"}, "then": [{"say": "!"}]}]]}
        async with start(kind, script) as run:
            async for event in run:
                if isinstance(event, PermissionAsked):
                    question = event
                    (option,) = [each for each in event.options if each.kind is meant]
                    await run.answer(event.id, option.id)

        made = folder / "made.txt"
        assert (made.read_text() if made.exists() else None) == content
        assert question.tool == "Write made.txt"
        assert [(c.path, c.old, c.new) for c in question.changes] == [("made.txt", None, "hi")]

    async def test_a_question_for_a_command_shows_it(self, start, kind):
        async with start(kind, {"turns": [[{"ask": {"command": "rm -rf build"}}]]}) as run:
            async for event in run:
                if isinstance(event, PermissionAsked):
                    question = event
                    await run.answer(event.id, event.options[0].id)

        assert question.command == "rm -rf build"

    async def test_an_unknown_answer_is_left_alone(self, start, kind):
        async with start(kind, {"turns": [[{"ask": {"command": "ls"}}]]}) as run:
            async for event in run:
                if isinstance(event, PermissionAsked):
                    await run.answer("none-such", "yes")
                    await run.answer(event.id, "none-such")
                    await run.answer(event.id, event.options[0].id)
                    await run.answer(event.id, event.options[0].id)

        assert event == Finished(Reason.DONE)

    async def test_cancelling_answers_the_open_question(self, start, kind, folder):
        script = {"turns": [[{"ask": {"path": "made.txt", "new": "hi"}}]]}
        async with start(kind, script) as run:
            async for event in run:
                if isinstance(event, PermissionAsked):
                    cancelling = asyncio.create_task(run.cancel())
            await cancelling

        assert event == Finished(Reason.CANCELLED)
        assert not (folder / "made.txt").exists()

    async def test_cancelling_asks_first(self, start, kind):
        async with start(kind, {"turns": [[{"say": "hi"}, {"wait": True}]]}) as run:
            events = aiter(run)
            await _until_text(events)
            cancelling = asyncio.create_task(run.cancel())
            rest = [event async for event in events]
            await cancelling

        assert rest[-1] == Finished(Reason.CANCELLED)

    async def test_a_line_beyond_the_limit_is_said(self, events_of, kind):
        limits = ProcessLimits(line_bytes=2**20, quit_grace_s=0.1, end_interval_s=0.2)

        with pytest.raises(LimitReachedError, match="a line of more than 1 MB"):
            await events_of(kind, {"turns": [[{"say_bytes": 2**21}]]}, limits=limits)


@pytest.mark.parametrize("kind", ["acp", "claude"])
class TestSettingsOfAWorkingCopy:
    """A repo can bring hooks, servers and permissions for agents; only a trusted one may."""

    SCRIPT: ClassVar = {"turns": [[{"say": "{settings}"}]]}

    async def test_they_are_not_read(self, events_of, said, kind):
        assert said(await events_of(kind, self.SCRIPT)) == "user"

    @pytest.mark.parametrize("resume", ["accept", "reopen"])
    async def test_they_are_not_read_when_a_conversation_is_resumed(
        self, events_of, said, kind, resume
    ):
        script = {**self.SCRIPT, "resume": resume}

        assert said(await events_of(kind, script, conversation_id="c-1")).endswith("user")

    async def test_they_are_read_where_the_repo_is_trusted(self, scripts, folder, said, kind):
        make = {"acp": AcpAgent, "claude": ClaudeAgent}[kind]
        agent = make(scripted_agent(kind, scripts, self.SCRIPT), is_trusted=True)

        async with agent.start("p", folder=folder, environment=dict(os.environ)) as run:
            assert said([event async for event in run]) == "all"

    async def test_instructions_come_before_the_prompt(self, events_of, said, kind):
        script = {"turns": [[{"say": "{instructions}|{prompt}"}]]}

        events = await events_of(kind, script, prompt="/review", instructions="Use tabs.")

        assert said(events) == "Use tabs.|/review"
