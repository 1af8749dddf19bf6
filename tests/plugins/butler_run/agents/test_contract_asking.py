"""What every agent asks besides permission, what it reports, and what it offers."""

import json
import time

import pytest

from butler_run.agents import (
    AgentError,
    Decision,
    FieldKind,
    Finished,
    InputAsked,
    Label,
    Mode,
    Notice,
    Offer,
    PermissionAsked,
    PlanProposed,
    Reason,
    Started,
    Tasks,
    Todo,
    Todos,
    TodoState,
    UsageLimit,
    Wishes,
)

ASKING = ("acp", "claude")
KINDS = (*ASKING, "command")
QUESTIONS = [
    {"question": "Which colour?", "options": ["Red", "Blue"]},
    {"question": "Which parts?", "options": ["Docs", "Tests"], "many": True},
]
INQUIRY = {"turns": [[{"inquire": QUESTIONS}, {"say": "{answers}"}]]}
PLAN = "# The plan\n\n1. Write"
PROPOSAL = {
    "modes": ["default", "acceptEdits", "plan"],
    "turns": [
        [
            {"propose": PLAN, "then": [{"say": "Going on."}], "else": [{"say": "Not: {reason}"}]},
        ],
        [{"say": "Told: {prompt}"}],
    ],
}


@pytest.fixture(params=ASKING)
def kind(request):
    return request.param


@pytest.fixture
def play(start):
    """Play a script and answer what it asks; return the events."""

    async def played(kind, script, answered, refused=None, **wanted):
        events = []
        async with start(kind, script, **wanted) as run:
            async for event in run:
                events.append(event)
                if isinstance(event, InputAsked | PlanProposed):
                    await answered(run, event)
                if isinstance(event, PermissionAsked):
                    await refused(run, event)
        return events

    return played


def one(events, kind):
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def values_of(asked, *values):
    return {field.key: value for field, value in zip(asked.fields, values, strict=True)}


async def test_questions_are_answered_with_a_choice_several_choices_or_words(play, kind, said):
    async def answered(run, asked):
        await run.fill(asked.id, values_of(asked, "Blue", ("Docs", "and more")))

    events = await play(kind, INQUIRY, answered)

    colour, parts = one(events, InputAsked).fields
    assert (colour.question, colour.kind, colour.is_many) == (
        "Which colour?",
        FieldKind.CHOICE,
        False,
    )
    assert colour.labels == (Label("Red", "Red"), Label("Blue", "Blue"))
    assert parts.is_many
    assert colour.takes_text
    answers = json.loads(said(events))
    if kind == "claude":
        assert answers == {"Which colour?": "Blue", "Which parts?": "Docs, and more"}
    else:
        assert answers == {
            "question_0": "Blue",
            "question_1": ["Docs"],
            "question_1_custom": "and more",
        }
    assert events[-1] == Finished(Reason.DONE)


async def test_nobody_answering_is_said_to_the_agent(play, kind, said):
    async def answered(run, asked):
        await run.fill(asked.id, None, "Nobody is there.")

    assert "Nobody is there." in said(await play(kind, INQUIRY, answered))


async def test_to_decline_is_no_answer(play, kind, said):
    async def answered(run, asked):
        await run.fill(asked.id, None)

    assert "decline" in said(await play(kind, INQUIRY, answered))


async def test_a_form_may_ask_for_text_numbers_and_yes_or_no(play, said):
    questions = [
        {"question": "A name?"},
        {"question": "How many?", "kind": "integer"},
        {"question": "How much?", "kind": "number"},
        {"question": "Sure?", "kind": "yes_no"},
    ]

    async def answered(run, asked):
        await run.fill(asked.id, values_of(asked, "Anna", 3, 0.5, True))

    script = {"turns": [[{"inquire": questions}, {"say": "{answers}"}]]}
    events = await play("acp", script, answered)

    kinds = [field.kind for field in one(events, InputAsked).fields]
    assert kinds == [FieldKind.TEXT, FieldKind.INTEGER, FieldKind.NUMBER, FieldKind.YES_NO]
    assert [*json.loads(said(events)).values()] == ["Anna", 3, 0.5, True]


@pytest.mark.parametrize(
    "params",
    [
        {"mode": "url", "url": "https://a.example", "elicitationId": "e"},
        {"mode": "form", "requestedSchema": {"type": "object", "properties": {}}},
        {"mode": "form", "requestedSchema": {"properties": {"a": {"type": "object"}, "b": 3}}},
        {"mode": "form", "requestedSchema": []},
        {},
    ],
)
async def test_what_cannot_be_asked_in_a_chat_is_declined(events_of, params):
    request = {"jsonrpc": "2.0", "id": "x", "method": "elicitation/create", "params": params}
    script = {"turns": [[{"garbage": json.dumps(request)}]]}

    events = await events_of("acp", script)

    assert not any(isinstance(event, InputAsked) for event in events)
    assert events[-1] == Finished(Reason.DONE)


async def test_a_plan_is_proposed_in_full_and_carried_out(play, kind, said):
    async def answered(run, asked):
        await run.decide(asked.id, Decision.GO)

    events = await play(kind, PROPOSAL, answered, wishes=Wishes(Mode.PLAN))

    assert one(events, PlanProposed).plan == PLAN
    assert "Going on." in said(events)


async def test_the_reason_against_a_plan_reaches_the_agent(play, kind, said):
    async def answered(run, asked):
        await run.decide(asked.id, Decision.NO, "Use no database.")

    events = await play(kind, PROPOSAL, answered, wishes=Wishes(Mode.PLAN))

    assert "Use no database." in said(events)
    assert "Going on." not in said(events)
    assert sum(isinstance(event, Finished) for event in events) == 1


async def test_a_plan_may_go_on_with_edits_that_nobody_is_asked_for(play, kind, said, folder):
    edit = {"ask": {"path": "made.txt", "old": None, "new": "made"}}
    hidden = {"ask": {"path": ".git/config", "old": None, "new": "made"}}
    steps = {"acp": [edit, hidden], "claude": [{"say": "in {mode}"}]}[kind]

    async def answered(run, asked):
        await run.decide(asked.id, Decision.GO_EDITING)

    async def refused(run, asked):
        await run.answer(asked.id, "no")

    turn = [{"propose": PLAN, "then": steps}]
    events = await play(kind, {**PROPOSAL, "turns": [turn]}, answered, refused=refused)

    if kind == "claude":  # which asks nothing in this mode
        assert "in acceptEdits" in said(events)
        return
    (asked,) = (event for event in events if isinstance(event, PermissionAsked))
    assert asked.changes[0].path == ".git/config"
    assert (folder / "made.txt").read_text() == "made"


@pytest.mark.parametrize("script", [INQUIRY, PROPOSAL])
async def test_cancelling_ends_what_is_asked(start, kind, script):
    events = []
    async with start(kind, script) as run:
        async for event in run:
            events.append(event)
            if isinstance(event, InputAsked | PlanProposed):
                await run.cancel()

    assert events[-1] == Finished(Reason.CANCELLED)


async def test_an_answer_that_is_no_longer_wanted_is_ignored(play, kind):
    async def answered(run, asked):
        await run.decide(asked.id, Decision.GO)
        await run.answer(asked.id, "yes")
        await run.fill(asked.id, values_of(asked, "Red", ("Docs",)))
        await run.fill(asked.id, values_of(asked, "Blue", ("Docs",)))

    assert (await play(kind, INQUIRY, answered))[-1] == Finished(Reason.DONE)


async def test_the_to_do_list_is_told(events_of, kind):
    items = [["Write", "completed"], ["Test", "in_progress"], ["Rest", "pending"]]

    events = await events_of(kind, {"turns": [[{"todos": items}]]})

    assert one(events, Todos).items == tuple(Todo(text, TodoState(is_)) for text, is_ in items)


async def test_what_works_beside_it_is_counted_and_not_told(events_of, kind, said):
    steps = [
        {"tasks": {"sub_agents": 2, "background": ["npm run dev"]}},
        {"sub_agent_says": "nobody sees this"},
        {"say": "Mine."},
    ]

    events = await events_of(kind, {"turns": [steps]})

    assert [each for each in events if isinstance(each, Tasks)][-1] == Tasks(2, ("npm run dev",))
    assert said(events).strip() == "Mine."


async def test_a_warning_about_a_usage_limit_is_told(events_of, kind):
    resets_at = int(time.time()) + 3_600
    limit = {"kind": "five_hour", "used": 0.85, "resets_at": resets_at * 1_000}

    events = await events_of(kind, {"turns": [[{"usage_limit": limit}]]})

    assert one(events, UsageLimit) == UsageLimit("5-hour", 0.85, resets_at, is_reached=False)
    assert events[-1] == Finished(Reason.DONE)


async def test_a_usage_limit_is_an_end_of_its_own(events_of, kind):
    resets_at = int(time.time()) + 3_600
    script = {"turns": [[{"say": "Half."}, {"limited": True, "resets_at": resets_at}]]}

    end = (await events_of(kind, script))[-1]

    assert end.reason is Reason.LIMITED
    assert end.limit.resets_at == resets_at
    assert "limit is reached; it resets at " in end.detail
    assert "(in " in end.detail


async def test_a_reset_that_is_not_told_is_not_made_up(events_of, kind):
    end = (await events_of(kind, {"turns": [[{"limited": True}]]}))[-1]

    assert end.limit.resets_at is None
    assert end.detail.endswith("limit is reached; when it resets is not known.")


async def test_a_conversation_that_is_too_long_is_an_end_of_its_own(events_of, kind):
    assert (await events_of(kind, {"turns": [[{"too_long": True}]]}))[-1].reason is Reason.TOO_LONG


@pytest.mark.parametrize("kind", KINDS)
async def test_it_says_what_it_offers(make, kind, folder, environment):
    script = {"models": ["default", "opus"], "efforts": ["low", "high"], "modes": ["default"]}

    offer = await make(kind, script).look(folder=folder, environment=environment)

    if kind == "command":
        assert offer == Offer()
        return
    assert [each.value for each in offer.models] == ["default", "opus"]
    assert offer.model == "default"
    assert [each.value for each in offer.efforts] == ["low", "high"]
    assert Mode.ASK in offer.modes


@pytest.mark.parametrize("kind", KINDS)
async def test_it_works_with_the_model_and_effort_wished_for(events_of, kind, said):
    script = {"models": ["default", "opus"], "efforts": ["low", "high"]}
    script["turns"] = [[{"say": "{model} {effort}"}]]

    events = await events_of(kind, script, wishes=Wishes(model="opus", effort="high"))

    assert said(events) == ("{model} {effort}" if kind == "command" else "opus high")
    assert events[-1] == Finished(Reason.DONE)


async def test_a_model_that_is_no_longer_offered_is_said(events_of):
    script = {"models": ["default"], "turns": [[]]}

    events = await events_of("acp", script, wishes=Wishes(model="gone", effort="high"))

    assert one(events, Notice).text.endswith(
        "offers no model gone here; it uses its default. "
        f"{one(events, Notice).text.split()[0]} offers no effort high here; it uses its default."
    )


async def test_a_copy_of_a_conversation_is_continued(events_of, kind):
    script = {"resume": "reopen", "turns": [[{"say": "{conversation}"}]]}

    events = await events_of(kind, script, conversation_id="c-7", wishes=Wishes(is_forked=True))

    assert one(events, Started).conversation_id == "c-7-copy"


async def test_a_conversation_that_cannot_be_copied_is_not_shared(events_of):
    script = {"can_fork": False, "resume": "reopen", "turns": [[{"say": "hi"}]]}

    with pytest.raises(AgentError, match="cannot copy a conversation"):
        await events_of("acp", script, conversation_id="c-7", wishes=Wishes(is_forked=True))


async def test_conversations_of_the_folder_are_listed(make, folder, environment):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sessions = [
        {"id": "s-1", "title": "Fix the\nlogin", "updated_at": "2026-01-02T03:04:05Z"},
        {"id": "s-2", "title": "Now", "updated_at": now},
        {"id": "s-3", "title": "When?"},
    ]
    agent = make("acp", {"sessions": sessions})

    old, new, unknown = (await agent.look(folder=folder, environment=environment)).conversations

    assert (old.id, old.title, old.may_be_alive) == ("s-1", "Fix the login", False)
    assert old.changed_at == 1767323045
    assert new.may_be_alive
    assert (unknown.changed_at, unknown.may_be_alive) == (None, True)
