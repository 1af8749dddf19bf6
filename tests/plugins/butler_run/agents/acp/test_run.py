"""What is special about agents that speak the Agent Client Protocol."""

import asyncio
import json
import re

import pytest

from butler_run.agents import (
    PRESETS,
    AgentError,
    Attached,
    Finished,
    Mode,
    Notice,
    PermissionAsked,
    ProcessLimits,
    Reason,
    Text,
    Tool,
    Usage,
    Wishes,
    Working,
)
from butler_run.agents.acp.updates import Updates

MODES = ["default", "acceptEdits", "plan"]


@pytest.mark.parametrize(
    ("reason", "finished"),
    [
        ("end_turn", Reason.DONE),
        ("refusal", Reason.REFUSED),
        ("max_tokens", Reason.CUT_SHORT),
        ("max_turn_requests", Reason.CUT_SHORT),
        ("cancelled", Reason.CANCELLED),
    ],
)
async def test_the_reason_to_stop_is_told(events_of, reason, finished):
    events = await events_of("acp", {"turns": [[{"finish": reason}]]})

    assert events[-1].reason is finished


@pytest.mark.parametrize(
    ("mode", "set_mode"), [(Mode.ASK, "default"), (Mode.EDITS, "acceptEdits"), (Mode.PLAN, "plan")]
)
async def test_the_mode_is_set(events_of, said, mode, set_mode):
    script = {"modes": MODES, "turns": [[{"say": "{mode}"}]]}

    assert said(await events_of("acp", script, wishes=Wishes(mode))) == set_mode


async def test_a_mode_that_is_not_offered_is_said(events_of):
    events = await events_of("acp", {"modes": ["default"], "turns": [[]]}, wishes=Wishes(Mode.PLAN))

    assert [e for e in events if isinstance(e, Notice)] == [
        Notice(f"{_python()} has no mode like plan; it stays in its default mode.")
    ]


async def test_a_mode_that_is_not_taken_is_said(events_of):
    script = {"modes": MODES, "mode_error": "Unknown config option", "turns": [[]]}

    events = await events_of("acp", script, wishes=Wishes(Mode.EDITS))

    sentence = (
        f"{_python()} rejected the mode edits: Internal error: Unknown config option. "
        "It stays in its default mode."
    )
    assert [e.text for e in events if isinstance(e, Notice)] == [sentence]
    assert events[-1] == Finished(Reason.DONE)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ({"modes": ["yolo"]}, "acts without asking and offers no mode in which it asks"),
        ({"modes": ["yolo", "default"], "mode_error": "no"}, "In its default mode it acts"),
    ],
)
async def test_an_agent_that_would_not_ask_is_not_used(events_of, script, sentence):
    with pytest.raises(AgentError, match=sentence):
        await events_of("acp", script | {"turns": [[]]})


async def test_an_agent_that_would_not_ask_is_used_if_it_need_not(events_of):
    events = await events_of("acp", {"modes": ["yolo"], "turns": [[]]}, wishes=Wishes(Mode.BYPASS))

    assert events[-1] == Finished(Reason.DONE)


async def test_a_stalled_start_tells_what_was_said(start, clock):
    script = {"before": [{"stderr": "waiting for the network"}, {"hang": True}]}
    limits = ProcessLimits(quit_grace_s=0.1, end_interval_s=0.2)

    async with start("acp", script, limits=limits) as run:
        beginning = asyncio.create_task(anext(aiter(run)))
        while not run._process.stderr_tail:  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0)
        clock.put_forward(60)

        with pytest.raises(AgentError, match=r"within 60 s. It wrote: waiting for the network"):
            await beginning


async def test_an_answer_that_is_none_is_said(events_of):
    answer = '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"x"}}'

    with pytest.raises(AgentError, match="sent an answer that the protocol does not define"):
        await events_of("acp", {"before": [{"garbage": answer}]})


async def test_requests_that_butler_does_not_know_are_refused(events_of):
    request = '{"jsonrpc":"2.0","id":9,"method":"fs/read_text_file","params":[]}'
    note = '{"jsonrpc":"2.0","method":"something/new"}'

    events = await events_of("acp", {"turns": [[{"garbage": request}, {"garbage": note}]]})

    assert events[-1] == Finished(Reason.DONE)


async def test_usage_has_tokens_and_cost(events_of):
    events = await events_of("acp", {"turns": [[{"usage": {"tokens": 7, "cost_usd": 0.5}}]]})

    assert Usage(7, 0.5, 7, 200_000) in events


@pytest.fixture
def updates(tmp_path):
    return Updates(tmp_path)


def _chunk(text):
    return {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}


def _tool(**known):
    return {"sessionUpdate": "tool_call_update", "toolCallId": "t", **known}


@pytest.mark.parametrize(
    ("sequence", "events"),
    [
        ([_chunk("a"), _chunk("b")], [Text("a"), Text("b")]),
        ([_chunk("a"), _tool(title="T"), _chunk("b")], [Text("a"), Tool("t", "T"), Text("\n\nb")]),
        ([_tool(title="T"), _tool(status="pending")], [Tool("t", "T"), Working()]),
        ([_tool(title="T"), _tool(title="U")], [Tool("t", "T"), Tool("t", "U")]),
        ([_tool(kind="edit", status="completed")], [Tool("t", "edit", is_finished=True)]),
        (
            [_tool(title="T", status="failed")],
            [Tool("t", "T", is_finished=True, is_failed=True)],
        ),
        ([_chunk("")], [Working()]),
        ([{"sessionUpdate": "something_new"}], [Working()]),
        ([{}], [Working()]),
        (
            [
                {
                    "sessionUpdate": "usage_update",
                    "used": 5,
                    "cost": {"amount": 1, "currency": "EUR"},
                }
            ],
            [Usage(5, None, 5)],
        ),
    ],
)
def test_updates_become_events(updates, sequence, events):
    assert [event for update in sequence for event in updates.events(update)] == events


def test_a_question_uses_what_the_tool_told_before(updates, tmp_path):
    diff = {"type": "diff", "path": f"{tmp_path}/a.txt", "oldText": "x", "newText": "y"}
    list(updates.events(_tool(title="Edit a.txt", content=[diff, {"type": "content"}, 1])))
    option = {"optionId": "o", "name": "Never", "kind": "reject_always"}

    question = updates.question("1", {"toolCall": {"toolCallId": "t"}, "options": [option, {}]})

    assert question.tool == "Edit a.txt"
    assert [(c.path, c.old, c.new) for c in question.changes] == [("a.txt", "x", "y")]
    assert [(o.number, o.label, o.kind) for o in question.options] == [(1, "Never", "reject")]


LONG_TITLE = "echo " + "x" * 100 + "; rm -rf build"


@pytest.mark.parametrize(
    ("tool", "detail"),
    [
        ({"title": LONG_TITLE}, LONG_TITLE),
        ({"title": "echo\nrm"}, ""),
        (
            {
                "title": "Plan",
                "content": [{"type": "content", "content": {"type": "text", "text": "1."}}],
            },
            "1.",
        ),
        ({"title": "Look", "rawInput": ["rm", "-rf"]}, 'input: ["rm", "-rf"]'),
        ({"title": LONG_TITLE, "rawInput": {"n": 1}}, f"{LONG_TITLE}\nn: 1"),
    ],
)
def test_a_question_tells_all_that_the_agent_says_of_the_tool(updates, tool, detail):
    question = updates.question("1", {"toolCall": {"toolCallId": "t", **tool}, "options": []})

    assert question.detail == detail


@pytest.mark.parametrize("params", [{}, {"toolCall": 1, "options": 2}, {"toolCall": {}}])
def test_a_question_that_says_nothing_is_still_one(updates, params):
    assert updates.question("1", params) == PermissionAsked("1", "a tool", None, (), "", ())


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_no_preset_fetches_a_program_when_it_runs(preset):
    assert preset.command[0] not in {"npx", "bunx", "uvx", "pipx"}
    assert re.search(r"npm install -g \S+@\d+\.\d+\.\d+$", preset.how_to_get)


def _python():
    import sys
    from pathlib import Path

    return Path(sys.executable).name


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            {"type": "resource_link", "uri": "file:///a.txt", "name": "a.txt"},
            "[a.txt](file:///a.txt)",
        ),
        (
            {"type": "image", "data": "x" * 8_000, "mimeType": "image/png"},
            "[image: image/png, 6 kB]",
        ),
        (
            {"type": "resource", "resource": {"uri": "file:///b.bin", "blob": "eA=="}},
            "[a file: file:///b.bin]",
        ),
    ],
)
def test_what_is_no_text_in_an_answer_is_named(tmp_path, content, text):
    update = {"sessionUpdate": "agent_message_chunk", "content": content}

    assert list(Updates(tmp_path).events(update)) == [Text(text)]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("file:///srv/api/Notes%20of%20today.md", "Notes-of-today.md"),
        ("file:///srv/../../etc/..", "answer.txt"),
        ("memory:a\u202e.txt", "a-.txt"),
        ("https://[bad/", "answer.txt"),
        ("", "answer.txt"),
    ],
)
def test_text_that_is_embedded_in_an_answer_is_attached(tmp_path, uri, name):
    content = {"type": "resource", "resource": {"uri": uri, "text": "one\ntwo"}}

    events = list(
        Updates(tmp_path).events({"sessionUpdate": "agent_message_chunk", "content": content})
    )

    assert events == [Text(f"[{name}, in a document]"), Attached(name, "one\ntwo")]


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (("All ", "done.", "All done."), "All done."),
        (("All ", "done.\n", "All done."), "All done.\n"),
        (("I changed the client.", "I changed the client."), "I changed the client."),
        (("ha ", "ha ", "ha "), "ha ha ha "),
        (("1", "1", "11"), "11"),
    ],
)
def test_a_text_that_restates_its_pieces_is_shown_once(tmp_path, pieces, shown):
    updates = Updates(tmp_path)
    said = [
        event.text
        for piece in pieces
        for event in updates.events(
            {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": piece}}
        )
        if isinstance(event, Text)
    ]

    assert "".join(said) == shown


async def test_the_cause_of_an_internal_error_is_what_the_agent_last_wrote(events_of):
    last_words = {"stderr": "OAuth token has expired. Please obtain a new token."}
    error = {"jsonrpc": "2.0", "id": 2, "error": {"code": -32603, "message": "Internal error"}}
    script = {"before": [last_words], "turns": [[{"garbage": json.dumps(error)}, {"wait": True}]]}

    with pytest.raises(AgentError, match="is not logged in on this machine"):
        await events_of("acp", script)
