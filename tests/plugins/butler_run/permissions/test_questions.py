"""Questions for permission, and who answers them how."""

import json

import pytest

from butler.app import read_setup
from butler.testing import open_chat

WRITE = {"ask": {"path": "made.txt", "old": None, "new": "made\n"}}


@pytest.mark.parametrize(
    ("said", "is_made"),
    [
        ("1", True),
        ("yes", True),
        ("Yes a", True),
        ("👍🏽", True),
        ("2", True),
        ("no", False),
        ("3", False),
    ],
)
async def test_a_question_is_answered_from_the_chat(
    chat, script, api, said, is_made, wait_for, answer
):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    question = await wait_for(chat, "reply 1 allow")

    assert "made.txt" in question.reply.text
    assert "+ made" in question.reply.text
    assert await chat(said) == []
    await answer(chat)

    assert (api / "made.txt").exists() is is_made


@pytest.mark.parametrize(("thumb", "is_made"), [("👍", True), ("👍🏽", True), ("👎", False)])
async def test_a_thumb_on_the_question_answers_it(
    chat, script, api, thumb, is_made, wait_for, answer
):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    question = await wait_for(chat, "reply 1 allow")

    await chat(thumb, is_reaction=True, quoted_id="something else")
    await chat(thumb, is_reaction=True, quoted_id=question.id)
    await answer(chat)

    assert (api / "made.txt").exists() is is_made


async def test_only_the_requester_or_an_owner_answers(chat, script, api, wait_for, answer):
    script.turns(WRITE)
    anna, bob = chat.person("+4930111111"), chat.person("+4930222222")
    await chat("/use api")
    await anna("/run do it")
    await wait_for(chat, "reply 1 allow")

    assert await bob("yes") == ["Only the person who started the run or an owner can answer that."]
    assert await anna("yes") == []
    await answer(chat)

    assert (api / "made.txt").exists()


async def test_with_two_questions_open_the_letter_tells_them_apart(
    chat, script, tmp_path, wait_for
):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "question a")
    await chat("/use web")
    await chat("/run do it")
    second = await wait_for(chat, "question b")

    assert await chat("yes") == ["Which question? Add its letter (a, b), as in: yes b"]
    assert await chat("yes c") == ["Which question? Add its letter (a, b), as in: yes b"]
    assert await chat("no", quoted_id=second.id) == []
    assert await chat("7 a") == [
        f"7 is not an option. The question was: {(await wait_for(chat, 'question a')).reply.text}"
    ]
    assert await chat("yes a") == []
    await wait_for(chat, "*api*: done")
    await wait_for(chat, "*web*: done")

    assert (tmp_path / "api" / "made.txt").exists()
    assert not (tmp_path / "web" / "made.txt").exists()


async def test_an_answer_may_quote_another_message_of_the_run_that_asks(
    chat, script, api, wait_for, answer
):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "reply 1 allow")
    status = await wait_for(chat, "Run 1: scripted works")

    assert await chat("yes", quoted_id=status.id) == []
    await answer(chat)

    assert (api / "made.txt").exists()


async def test_an_answer_that_quotes_one_question_and_names_another_is_not_taken(
    chat, script, api, wait_for
):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    question = await wait_for(chat, "reply 1 allow")

    assert await chat("yes b", quoted_id=question.id) == [
        "Which question? Add its letter (a), as in: yes a"
    ]
    assert await chat("yes", quoted_id="of somebody else") == []
    assert not (api / "made.txt").exists()
    await chat("/stop")


async def test_an_answer_that_comes_too_late_is_no_prompt(chat, script, wait_for, answer):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    question = await wait_for(chat, "reply 1 allow")
    await chat("no")
    await answer(chat)

    assert await chat("yes", quoted_id=question.id) == ["That question is no longer open."]
    assert await chat("👍", is_reaction=True, quoted_id=question.id) == []
    assert len((await chat("/runs"))[0].split("\n")) == 1


@pytest.mark.parametrize("said", ["no", "nobody says anything"])
async def test_an_agent_that_offers_no_way_to_say_no_is_answered_all_the_same(
    chat, script, mocker, wait_for, answer, said
):
    if said != "no":
        mocker.patch("butler_run.permissions.ask.LIMIT_S", 0.05)
    ask = {"command": "ls", "offered": ["yes"]}
    script.turns({"ask": ask, "then": [{"say": "Allowed."}], "else": [{"say": "Rejected."}]})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "*ls*? reply 1 allow, no\n")
    await chat(said)

    assert (await answer(chat)).reply.text.startswith("Rejected.")


async def test_all_of_a_long_command_can_be_read_before_it_is_allowed(chat, script, wait_for):
    script.turns({"ask": {"command": "echo " + "x" * 700 + "; rm -rf build"}})
    await chat("/use api")
    await chat("/run do it")

    question = await wait_for(chat, "(run 1, question a; the document has the full text)")
    document = await wait_for(chat, "; rm -rf build")
    sent = chat.transport.sent
    assert document.reply.file_name == "run-1-question-a.txt"
    assert sent.index(document) < sent.index(question)
    assert "…\n```\n" in question.reply.text
    await chat("/stop")


async def test_an_agent_that_asks_without_end_is_asked_back_as_often_as_there_are_letters(
    chat, script, wait_for
):
    options = [{"optionId": "no", "name": "Reject", "kind": "reject_once"}]
    params = {"toolCall": {"toolCallId": "t", "title": "Look"}, "options": options}
    request = {"id": 7, "method": "session/request_permission", "params": params}
    script.turns({"garbage": json.dumps(request), "times": 100}, {"wait": True})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "(run 1, question z)")
    await chat("/stop")

    asked = [sent for sent in chat.transport.sent if "*Look*? reply" in sent.reply.text]
    assert len(asked) == 26


async def test_a_change_is_shown_as_what_differs(chat, script, wait_for):
    lines = [f"line {number}" for number in range(100)]
    new = [*lines[:50], "another", *lines[51:]]
    script.turns({"ask": {"path": "a", "old": "\n".join(lines), "new": "\n".join(new)}})
    await chat("/use api")
    await chat("/run do it")

    question = await wait_for(chat, "reply 1 allow")
    shown = "```\na\n  line 49\n- line 50\n+ another\n  line 51\n```"
    assert shown in question.reply.text
    await chat("/stop")


async def test_a_run_that_asks_is_listed_as_waiting(chat, script, wait_for, answer):
    script.turns(WRITE, {"tool": "Look"}, {"wait": True})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "question a")

    assert (await chat("/runs"))[0].startswith("• 1 *api* waiting for permission, scripted, ")
    before = len(chat.transport.sent)
    await chat("yes")
    while (await chat("/runs"))[0].startswith("• 1 *api* waiting"):
        pass
    assert (await chat("/runs"))[0].startswith("• 1 *api* running, scripted, ")
    await chat("/stop")
    await answer(chat, before)


async def test_plain_answers_without_a_question_are_left_alone(chat):
    assert await chat("yes") == []
    assert await chat("👍", is_reaction=True, quoted_id="1") == []
    assert [entry.rule for entry in chat.ignored] == ["not a command", "not a command"]


async def test_a_question_nobody_answers_is_rejected_and_that_is_said(
    chat, script, api, mocker, wait_for, answer
):
    mocker.patch("butler_run.permissions.ask.LIMIT_S", 0.05)
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")

    await wait_for(chat, "Nobody answered question a within 0 s, so the answer is no.")
    await answer(chat)

    assert not (api / "made.txt").exists()


async def test_an_answer_to_a_run_that_was_cut_off_is_no_prompt(
    butler_toml, tmp_path, script, wait_for
):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    script.turns(WRITE)
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await chat("/run do it")
        question = await wait_for(chat, "reply 1 allow")
        chat.bot.stop()

    async with open_chat(read_setup(path)) as chat:
        assert await chat("yes", quoted_id=question.id) == [
            "Run 1 was cut off, so its question is closed. /retry 1 restarts it."
        ]


async def test_the_end_of_input_rejects_what_is_open(butler_toml, tmp_path, script, api):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    script.turns(WRITE)
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await chat("/run do it")

    texts = [sent.reply.text for sent in chat.transport.sent]
    assert any("Nobody answered question a, so the answer is no." in text for text in texts)
    assert not (api / "made.txt").exists()


async def test_stop_works_while_a_question_is_open(chat, script, api, wait_for, answer):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "reply 1 allow")

    assert await chat("/stop 1") == ["Run 1 was stopped. All its processes have ended."]
    await wait_for(chat, "Run 1 in *api*: stopped")
    await answer(chat)

    assert not (api / "made.txt").exists()
    assert await chat("yes") == []
