"""Questions for permission, and who answers them how."""

import pytest

from butler.app import read_setup
from butler.testing import open_chat

WRITE = {"ask": {"path": "made.txt", "old": None, "new": "made\n"}}


@pytest.mark.parametrize(
    ("said", "is_made"),
    [("1", True), ("yes", True), ("Yes a", True), ("2", True), ("no", False), ("3", False)],
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

    assert await bob("yes") == ["Only who started the run, or an owner, can answer that."]
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

    assert await chat("yes") == ["Which question? Add its letter (a, b), as in: yes a"]
    assert await chat("no", quoted_id=second.id) == []
    assert await chat("7 a") == [
        f"There is no answer 7. The question was: {(await wait_for(chat, 'question a')).reply.text}"
    ]
    assert await chat("yes a") == []
    await wait_for(chat, "*api*: done")
    await wait_for(chat, "*web*: done")

    assert (tmp_path / "api" / "made.txt").exists()
    assert not (tmp_path / "web" / "made.txt").exists()


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
    mocker.patch("butler_run.asking.LIMIT_S", 0.05)
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")

    await wait_for(chat, "Nobody answered question a within 0 s, so the answer is no.")
    await answer(chat)

    assert not (api / "made.txt").exists()


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

    assert await chat("/stop 1") == ["Run 1 is stopped; all its processes are dead."]
    await wait_for(chat, "Run 1 in *api*: stopped")
    await answer(chat)

    assert not (api / "made.txt").exists()
    assert await chat("yes") == []
