"""What is special about Claude Code's own command."""

import asyncio
import json

import pytest

from butler_run.agents import (
    AgentError,
    Finished,
    Mode,
    NotReadyError,
    PermissionAsked,
    Reason,
    Text,
    Tool,
    Usage,
    Wishes,
    Working,
)


@pytest.mark.parametrize(
    ("mode", "set_mode"),
    [
        (Mode.ASK, "default"),
        (Mode.EDITS, "acceptEdits"),
        (Mode.PLAN, "plan"),
        (Mode.BYPASS, "bypassPermissions"),
    ],
)
async def test_the_mode_is_always_given(events_of, said, mode, set_mode):
    assert (
        said(await events_of("claude", {"turns": [[{"say": "{mode}"}]]}, wishes=Wishes(mode)))
        == set_mode
    )


async def test_a_turn_with_everything(events_of):
    usage = {"usage": {"tokens": 9, "cost_usd": 0.25}}
    steps = [{"think": "hm"}, {"say": "a"}, {"tool": "Read"}, {"say": "b"}, usage]

    events = await events_of("claude", {"turns": [steps]})

    assert events[1:] == [
        Working(),
        Text("a"),
        Tool("t-1", "Read"),
        Tool("t-1", "Read", is_finished=True),
        Text("\n\nb"),
        Usage(9, 0.25),
        Finished(Reason.DONE),
    ]


async def test_reaching_the_limit_of_turns_is_said(events_of):
    events = await events_of("claude", {"turns": [[{"finish": "max_turn_requests"}]]})

    assert events[-1] == Finished(Reason.CUT_SHORT, "The agent reached its turn limit.")


async def test_an_edit_is_shown_as_a_change(start):
    ask = {"path": "a.txt", "old": "x", "new": "y"}
    async with start("claude", {"turns": [[{"ask": ask}]]}) as run:
        async for event in run:
            if isinstance(event, PermissionAsked):
                question = event
                await run.answer(event.id, "reject")

    assert [(c.path, c.old, c.new) for c in question.changes] == [("a.txt", "x", "y")]


MESSAGES = [
    '{"type":"control_request","request_id":"h","request":{"subtype":"hook_callback"}}',
    '{"type":"assistant","parent_tool_use_id":"t","message":{"content":[{"type":"text","text":"x"}]}}',
    '{"type":"user","message":{"content":[{"type":"text","text":"x"}]}}',
    '{"type":"user","message":{"content":"x"}}',
    '{"type":"stream_event"}',
    '{"type":"assistant","message":{"content":[{"type":"tool_use","id":"t","name":"T","input":1}]}}',
]


@pytest.mark.parametrize("message", MESSAGES)
async def test_other_messages_are_no_text(events_of, said, message):
    assert said(await events_of("claude", {"turns": [[{"garbage": message}]]})) == ""


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        ('{"type":"result","subtype":"error_during_execution","errors":["a","b"]}', "a; b"),
        (
            '{"type":"result","subtype":"error_during_execution","usage":1}',
            "error_during_execution",
        ),
        ('{"type":"result","is_error":true}', "no reason given"),
    ],
)
async def test_a_result_that_is_an_error_is_told(events_of, result, sentence):
    events = await events_of("claude", {"turns": [[{"garbage": result}]]})

    assert events[-1].reason is Reason.FAILED
    assert sentence in events[-1].detail


async def test_a_result_before_the_start_is_told(events_of):
    result = '{"type":"result","is_error":true,"result":"no network"}'

    events = await events_of("claude", {"before": [{"garbage": result}]})

    assert events[-1].detail.endswith("failed: no network.")


async def test_an_agent_that_is_killed_says_so(start):
    async with start("claude", {"turns": [[{"say": "hi"}, {"hang": True}]]}) as run:
        events = aiter(run)
        await anext(events)
        await run._process.end()

        with pytest.raises(AgentError, match=r"was ended by SIG|ended with status"):
            await _exhausted(events)


async def _exhausted(events):
    async for _ in events:
        await asyncio.sleep(0)


async def test_a_text_that_is_in_the_result_only_is_shown(events_of, said):
    assert said(await events_of("claude", {"result": "Summed up.", "turns": [[]]})) == "Summed up."


async def test_a_result_that_is_nothing_but_an_error_is_no_success(events_of):
    with pytest.raises(NotReadyError, match="overloaded at the moment"):
        await events_of("claude", {"result": "API Error: 529 Overloaded", "turns": [[]]})


async def test_a_text_that_was_said_is_not_shown_again_as_the_result(events_of, said):
    script = {"result": "Hello.", "turns": [[{"say": "Hello."}]]}

    assert said(await events_of("claude", script)) == "Hello."


@pytest.mark.parametrize(
    ("steps", "result", "shown"),
    [
        (["Looking."], "The answer is 42.", "Looking.\n\nThe answer is 42."),
        (["One.", "Two."], "One.\n\nTwo.", "One.\n\nTwo."),
        (["I found it.", "It is in a.py."], "It is in a.py.\n", "I found it.\n\nIt is in a.py."),
        (["Only the", "pieces.", "Only the pieces."], "", "Only the\n\npieces."),
    ],
)
async def test_what_the_result_adds_is_shown_and_nothing_twice(
    events_of, said, steps, result, shown
):
    script = {"result": result, "turns": [[{"say": each} for each in steps]]}

    assert said(await events_of("claude", script)) == shown


async def test_a_picture_in_an_answer_is_named(events_of, said):
    source = {"type": "base64", "media_type": "image/png", "data": "x" * 8_000}
    message = {"content": [{"type": "image", "source": source}]}
    line = json.dumps({"type": "assistant", "message": message})

    assert said(await events_of("claude", {"turns": [[{"garbage": line}]]})) == (
        "[image: image/png, 6 kB]"
    )
