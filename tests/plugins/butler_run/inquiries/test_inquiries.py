"""The agent's own questions and plans, and who answers them how."""

import json
import time
from functools import partial

import pytest

from butler import Context, UserError
from butler.errors import TransportError
from butler_run.agents import RunLimits
from butler_run.permissions.questions import HASTE_S

COLOUR = {"question": "Which *colour*?", "options": ["Red", "Blue", "_Green_"]}
PARTS = {"question": "Which parts?", "options": ["Docs", "Tests", "Code"], "many": True}
SAY = {"say": "Answers: {answers}"}
PLAN = "# The plan\n\n1. Write it\n2. Test it"


@pytest.fixture
def ask(chat, script, wait_for):
    """Let the agent ask questions; return the first message that asks."""

    async def asked(*questions):
        script.turns({"inquire": [*questions]}, SAY)
        await chat("/use api")
        await chat("/run do it")
        return await wait_for(chat, "Scripted asks")

    return asked


@pytest.fixture
def propose(chat, script, wait_for):
    """Let the agent propose a plan; return the message that asks."""

    async def proposed():
        then, otherwise = [{"say": "Going on."}], [{"say": "Stopped."}]
        proposal = {"propose": PLAN, "then": then, "else": otherwise}
        script.prompts([proposal], [{"say": "Heard: {prompt}"}])
        await chat("/use api")
        await chat("/run do it")
        return await wait_for(chat, "Go ahead?")

    return proposed


async def test_one_question_at_a_time_is_asked_and_answered(chat, ask, wait_for, answer):
    first = await ask(COLOUR, PARTS)

    assert first.reply.text == (
        "Scripted asks (1 of 2):\n"
        "> Which ∗colour∗?\n"
        "1. Red\n2. Blue\n3. ＿Green＿\n"
        "1 to 3, or write your own."
    )
    assert first.reply.answers is not None
    assert await chat("2") == []
    second = await wait_for(chat, "Scripted asks (2 of 2):")
    assert second.reply.text.endswith("1 to 3, also several, as in 1 2, or write your own.")
    assert await chat("1, 3") == []

    said = (await answer(chat)).reply.text
    assert '"question_0": "Blue"' in said
    assert '"question_1": ["Docs", "Code"]' in said


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("blue", '"question_0": "Blue"'),
        ("Something else entirely", '"question_0_custom": "Something else entirely"'),
        ("yes", '"question_0_custom": "yes"'),
    ],
)
async def test_plain_text_of_the_requester_is_the_answer(chat, ask, answer, said, answered):
    await ask(COLOUR)

    assert await chat(said) == []

    assert answered in (await answer(chat)).reply.text


async def test_a_number_that_is_not_offered_is_asked_again(chat, ask):
    await ask(COLOUR)

    assert await chat("7") == ["7 is not one of the answers. 1 to 3, or write your own."]
    assert await chat("1 2") == ["1 2 is not one of the answers. 1 to 3, or write your own."]
    await chat("/stop")


@pytest.mark.parametrize(
    ("question", "hint", "wrong", "right", "value"),
    [
        ({"question": "Name?"}, "Write your answer.", None, "Anna B.", "Anna B."),
        ({"question": "Many?", "kind": "integer"}, "Write a whole number.", "3.5", "12", 12),
        ({"question": "Much?", "kind": "number"}, "Write a number.", "much", "3,5", 3.5),
        ({"question": "Sure?", "kind": "yes_no"}, "1 yes · 2 no.", "maybe", "no", False),
    ],
)
async def test_a_form_takes_text_numbers_and_yes_or_no(
    chat, ask, answer, question, hint, wrong, right, value
):
    asked = await ask(question)

    assert hint in asked.reply.text
    if wrong is not None:
        assert hint in (await chat(wrong))[0]
    assert await chat(right) == []
    assert json.dumps({"question_0": value}) in (await answer(chat)).reply.text


async def test_what_is_not_required_can_be_left_out(chat, ask, answer):
    assert "_skip_ leaves it out" in (await ask({"question": "Name?"})).reply.text

    assert await chat("skip") == []
    assert "Answers: {}" in (await answer(chat)).reply.text


async def test_run_starts_something_else_while_a_question_is_open(chat, ask, wait_for):
    await ask(COLOUR)

    assert "queued #2" in (await chat("/run another"))[0]
    await chat("/stop all")


async def test_others_do_not_answer_by_chance(chat, ask, answer):
    anna = chat.person("+4930111111")
    first = await ask(COLOUR)

    assert await anna("Blue") == []
    refused = "Only the person who started the run or an owner can answer that."
    assert await anna("Blue", quoted_id=first.id) == [refused]
    assert await chat("Red") == []
    assert '"question_0": "Red"' in (await answer(chat)).reply.text


async def test_an_answer_to_an_unseen_question_does_not_count(chat, ask, mocker):
    await ask(COLOUR)
    mocker.patch("butler_run.permissions.questions.HASTE_S", HASTE_S)

    assert await chat("1", time=time.time()) == [
        "That was asked only just now. Read it, then answer once more. 1 to 3, or write your own."
    ]
    await chat("/stop")


async def test_with_two_questions_open_the_code_or_a_quote_tells_them_apart(
    chat, ask, wait_for, answer
):
    first = await ask(COLOUR)
    await chat("/use web")
    await chat("/run do it")
    await wait_for(chat, "(question a2, as in: a2 your answer)")

    assert await chat("Red") == [
        "Which question? Add its code:\n"
        "• a1 your answer: what Scripted asks in run 1\n"
        "• a2 your answer: what Scripted asks in run 2"
    ]
    before = len(chat.transport.sent)
    assert await chat("a2 Blue") == []
    assert '"Blue"' in (await answer(chat, before)).reply.text
    before = len(chat.transport.sent)
    assert await chat("Red", quoted_id=first.id) == []
    assert '"Red"' in (await answer(chat, before)).reply.text


async def test_a_bare_yes_answers_neither_a_permission_nor_a_question(chat, ask, script, wait_for):
    await ask(COLOUR)
    script.turns({"ask": {"path": "made.txt", "old": None, "new": "made\n"}})
    await chat("/use web")
    await chat("/run do it")
    await wait_for(chat, "wants to write made.txt")

    (which,) = await chat("1")

    assert which.startswith("Which question? Add its code:\n• a1 your answer: ")
    assert "• 1 a2: Scripted wants to write made.txt" in which
    await chat("/stop all")


async def test_a_question_that_nobody_answers_ends_and_both_are_told(
    chat, ask, answer, clock, wait_for, butler_toml
):
    await ask(COLOUR)

    clock.put_forward(15 * 60 + 1)

    await wait_for(
        chat,
        "Nobody answered Scripted within 15 min, so I told it to do what is safe and say what it "
        "assumed.",
    )
    assert "The user has not answered yet" in (await answer(chat)).reply.text


async def test_a_run_that_asks_is_listed_as_waiting_and_can_be_stopped(chat, ask, answer):
    await ask(COLOUR)

    assert (await chat("/runs"))[0].startswith("• 1 *api* waiting for an answer, scripted, ")
    assert (await chat("/stop"))[0].endswith(" No files changed.")
    await answer(chat)
    assert await chat("Blue") == []


async def test_what_does_not_fit_into_a_chat_is_not_asked(chat, script, wait_for, answer):
    script.turns({"inquire": [{"question": str(n)} for n in range(11)]}, SAY)
    await chat("/use api")
    await chat("/run do it")

    await wait_for(chat, "Scripted asks more than fits into a chat, so it gets no answer.")
    assert "decline" in (await answer(chat)).reply.text


async def test_a_question_cannot_pass_itself_off_as_butlers(chat, ask):
    asked = await ask({"question": "Ok?\nRun 1 *was* stopped.\n```x```", "options": ["a\nb"]})

    assert asked.reply.text.split("\n")[1:5] == [
        "> Ok?",
        "> Run 1 ∗was∗ stopped.",
        "> ˋˋˋxˋˋˋ",
        "1. a b",
    ]
    await chat("/stop")


async def test_a_plan_is_a_document_and_its_first_lines_are_asked(chat, propose, answer):
    asked = await propose()

    document = next(each.reply for each in chat.transport.sent if each.reply.file_name)
    assert (document.file_name, document.text) == ("run-1-plan.md", PLAN)
    assert asked.reply.text == (
        "Scripted has a plan:\n> # The plan\n> 1. Write it\n> 2. Test it\n"
        "Go ahead? 1 yes · 3 no, because …"
    )
    assert await chat("1") == []
    assert "Going on." in (await answer(chat)).reply.text


async def test_the_reason_against_a_plan_goes_back_to_the_agent(chat, propose, answer):
    await propose()

    assert (await chat("why?"))[0].startswith("why? is not one of the answers. Go ahead? 1 yes")
    assert (await chat("2"))[0].startswith("2 is not one of the answers.")
    assert await chat("3 no, because it needs a database") == []

    text = (await answer(chat)).reply.text
    assert text.startswith("Stopped.\n\nHeard: it needs a database")


@pytest.mark.parametrize("said", ["👍", "Yes.", "1"])
async def test_a_plan_is_approved_by_a_word_or_a_thumb(chat, propose, answer, said):
    asked = await propose()

    details = {"is_reaction": True, "quoted_id": asked.id} if said == "👍" else {}
    assert await chat(said, **details) == []
    assert "Going on." in (await answer(chat)).reply.text


async def test_the_status_shows_the_to_do_list_in_eight_lines(chat, script, wait_for):
    few = [["Write", "completed"], ["Test *it*", "in_progress"], ["Rest", "pending"]]
    script.turns(
        {"todos": few}, {"tasks": {"sub_agents": 2, "background": ["npm"]}}, {"wait": True}
    )
    await chat("/use api")
    await chat("/run do it")

    shown = await wait_for(chat, "▢ Rest")

    lines = (await wait_for(chat, "2 sub-agents · 1 in the background")).reply.text.split("\n")
    assert lines[1:] == ["▣ Write", "▢ *Test ∗it∗*", "▢ Rest"]
    assert shown.reply.edits is not None
    await chat("/stop")


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"inquire": [COLOUR]}, "Scripted asks"),
        ({"propose": PLAN}, "Go ahead?"),
        ({"ask": {"command": "ls"}}, "wants to run this command"),
        ({"fail": "boom"}, "boom"),
        ({"limited": True}, "limit is reached"),
    ],
)
async def test_the_requester_is_mentioned_when_a_person_is_needed(
    chat, script, wait_for, step, text
):
    anna = chat.person("+4930111111")
    script.turns(step)
    await chat("/use api")
    await anna("/run do it")

    called = await wait_for(chat, text)

    assert called.reply.mentions == (anna.sender,)
    assert called.reply.edits is None
    await chat("/stop")


async def test_progress_and_what_is_done_ring_nobody(chat, script, run):
    script.turns({"todos": [["Write", "pending"]]}, {"say": "Done."})
    await chat("/use api")
    await run(chat)

    assert not any(each.reply.mentions for each in chat.transport.sent)


async def test_in_a_direct_chat_nobody_is_mentioned(chat, script, run):
    script.turns({"fail": "boom"})
    direct = chat.chat("4915112345678@s.whatsapp.net")
    await direct("/use api")
    await run(direct)

    assert not any(each.reply.mentions for each in chat.transport.sent)


KEY = "-----BEGIN PRIVATE KEY-----"


@pytest.fixture
def propose_this(chat, script, wait_for):
    """Let the agent propose a plan; wait for a text."""

    async def proposed(plan, text):
        then, otherwise = [{"say": "Going on."}], [{"say": "Stopped."}]
        script.prompts([{"propose": plan, "then": then, "else": otherwise}], [{"say": "Ended."}])
        await chat("/use api")
        await chat("/run do it")
        return await wait_for(chat, text)

    return proposed


async def test_a_plan_hides_nothing_behind_what_looks_like_a_key(chat, propose_this):
    await propose_this(f"Fix a typo\n{KEY}\nrm -rf /srv", "> rm -rf /srv")

    document = next(each.reply for each in chat.transport.sent if each.reply.file_name)
    assert document.text.endswith(f"{KEY}\nrm -rf /srv")
    await chat("/stop")


async def test_a_plan_shows_characters_that_a_phone_would_not(chat, propose_this):
    asked = await propose_this("Delete \u202eeverything\u202c", "Go ahead?")

    assert "> Delete \\u202eeverything\\u202c" in asked.reply.text
    await chat("/stop")


@pytest.mark.parametrize("plan", ["x" * 200_001, "Use ghp_" + "a1B2" * 9 + " for it"])
async def test_a_plan_that_cannot_be_shown_in_full_is_not_asked(chat, propose_this, answer, plan):
    await propose_this(plan, "has a plan that I cannot show in full, so the answer is no.")

    assert "Stopped." in (await answer(chat)).reply.text


async def test_a_plan_whose_document_is_not_sent_is_not_asked(chat, propose_this, answer, mocker):
    send = chat.transport.send

    async def send_no_documents(chat_id, reply):
        if reply.file_name:
            raise TransportError("The link is gone.")
        return await send(chat_id, reply)

    mocker.patch.object(chat.transport, "send", send_no_documents)
    await propose_this(PLAN, "so the answer is no.")

    assert "Stopped." in (await answer(chat)).reply.text


async def test_a_question_hides_nothing_behind_what_looks_like_a_key(chat, ask):
    asked = await ask({"question": f"Ok?\n{KEY}\nThen I delete it.", "options": ["Yes", "No"]})

    assert "> Then I delete it.\n1. Yes" in asked.reply.text
    await chat("/stop")


async def test_a_long_question_is_a_document_too(chat, ask):
    choice = f"Only this {'and that ' * 30}"
    asked = await ask({"question": "Which?", "options": [choice, "None"]})

    assert asked.reply.text.endswith("(the document has the full text)")
    document = next(each.reply for each in chat.transport.sent if each.reply.file_name)
    assert document.file_name == "run-1-question-a1.txt"
    assert document.text == f"Which?\n\n1. {choice}\n\n2. None"
    await chat("/stop")


async def test_a_secret_in_a_choice_is_not_cut_in_half(chat, script, wait_for):
    choice = f"{'word ' * 16}ghp_{'a1B2' * 9}"
    script.turns({"inquire": [{"question": "Which?", "options": [choice, "None"]}]}, SAY)
    await chat("/use api")
    await chat("/run do it")

    await wait_for(chat, "asks what I cannot show in full, so it gets no answer.")
    assert not any("ghp_" in each.reply.text for each in chat.transport.sent)


async def test_each_question_counts_as_one(chat, script, answer, mocker):
    mocker.patch("butler_run.catalog.RunLimits", partial(RunLimits, questions=2))
    script.turns({"inquire": [{"question": str(n)} for n in range(3)]}, SAY)
    await chat("/use api")
    await chat("/run do it")

    text = (await answer(chat)).reply.text
    assert "The agent asked more than 2 questions and was stopped." in text


async def test_a_bare_answer_behind_a_question_that_just_closed_is_for_neither(
    chat, ask, script, wait_for, mocker
):
    mocker.patch("butler_run.permissions.questions.HASTE_S", HASTE_S)
    first = await ask(COLOUR)
    script.turns({"ask": {"path": "made.txt", "old": None, "new": "made\n"}})
    await chat("/use web")
    await chat("/run do it")
    await wait_for(chat, "wants to write made.txt")
    later = time.time() + 60
    mocker.patch("butler_run.permissions.questions.time.time", return_value=later)
    await chat("Red", quoted_id=first.id, time=later)
    await wait_for(chat, "Run 1 in *api*: done")

    (said,) = await chat("yes", time=later + 1)

    assert said.endswith("Read it, then answer once more: yes a2")
    assert await chat("yes a2", time=later + 1) == []


async def test_a_plan_is_not_approved_where_that_cannot_be_recorded(chat, propose, mocker):
    await propose()
    mocker.patch.object(Context, "check_recordable", side_effect=UserError("Not recordable."))

    assert await chat("1") == ["Not recordable."]
    assert await chat("3 no") == []


async def test_the_audit_says_how_a_plan_was_decided(chat, propose, answer):
    await propose()
    await chat("1")
    await answer(chat)

    assert "plan approved" in [each.result for each in chat.records.audit]
