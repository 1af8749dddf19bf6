"""What the plugin shows of its runs outside of chats, and what can be done there."""

import pytest

from butler.core.aside import owners_message
from butler.ops.door import Door


def said(chat, text):
    return chat.bot.say(owners_message(chat.chat_id, text, "panel"))


def overview(chat):
    return Door(chat.bot._plugins.values(), chat.bot).overview()


@pytest.fixture
async def used(chat):
    await chat("/use api")
    return chat


async def test_a_question_is_shown_whole_and_can_be_answered_elsewhere(
    used, script, wait_for, answer
):
    script.turns({"ask": {"command": "rm -rf build"}}, {"say": "Done."})
    await used("/run tidy up")
    await wait_for(used, "wants to")

    (asked,) = overview(used).inquiries
    assert "rm -rf build" in asked.details + asked.wish
    allow = next(each for each in asked.ways if not each.is_rejection)
    assert await said(used, allow.word) == []

    await answer(used)
    assert overview(used).inquiries == []
    allowed = next(each for each in used.records.audit if each.result == "allow once")
    assert allowed.sender == "panel"


async def test_a_run_is_shown_while_it_works_and_can_be_stopped_elsewhere(used, script, wait_for):
    script.turns({"ask": {"command": "rm -rf build"}})
    await used("/run tidy up")
    await wait_for(used, "wants to")

    (run,) = overview(used).runs
    assert (run.summary.repo, run.summary.prompt) == ("api", "tidy up")
    assert run.doing == "waiting for an answer"
    (reply,) = await said(used, f"/stop {run.summary.number}")

    assert "stopped" in reply.text
    assert overview(used).runs == []


async def test_a_run_is_reported_with_its_answer_and_its_changes(used, script, run, api):
    script.turns({"write": "new.txt", "content": "one\n"}, {"say": "Done."})
    await run(used)
    plugin = used.bot._plugins["run"]

    (summary,) = plugin.past_runs(10)
    report = await plugin.run_report(summary.number)

    assert (summary.state, summary.is_over) == ("done", True)
    assert report.answer.startswith("Done.")
    assert "+one" in report.patch


async def test_there_is_no_run_before_the_first(chat):
    plugin = chat.bot._plugins["run"]

    assert list(plugin.past_runs(10)) == []
    assert await plugin.run_report(1) is None
