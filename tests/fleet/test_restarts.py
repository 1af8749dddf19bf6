"""What a chat is told when hub, worker and Redis fail one after the other."""

import asyncio

import pytest

from butler.errors import DataError
from butler.fleet.frames import Over
from butler.fleet.journal import Placement
from butler.fleet.turn_ids import digest_of, turn_id
from butler.sessions import StoreError
from butler.testing import make_message
from butler_process import PATIENCE_S

ASK = {"ask": {"command": "make"}}
CUT = "laptop was stopped in the middle of this, so it may be done in part. "


async def handled(chat, message):
    """Let a message arrive; return the replies to it by the end of its turn."""
    before = len(chat.transport.sent)
    chat.transport.receive(message)
    await chat.transport.wait_until_acknowledged(message)
    return [each.reply.text for each in chat.transport.sent[before:]]


def place(fleet, message, machine="laptop"):
    """Place a turn as a hub that is killed after it; return its id."""
    turn = turn_id("server", message)
    placement = Placement(machine, "repo", "", "web", digest_of(message.text))
    fleet.hub._journal.place(turn, placement, message.chat_id)
    return turn


async def test_a_hub_that_is_killed_before_it_says_that_a_turn_was_cut_off_says_it_later(two):
    message = make_message("/repo")
    turn = place(two, message)
    two.hub._journal.end(turn, Over(turn, is_cut=True))

    await two.restart_hub("infra")

    (said,) = await handled(two.chat, message)
    assert said.startswith(CUT)


async def test_a_message_of_a_worker_that_is_no_longer_paired_is_not_left_without_a_word(two):
    message = make_message("/repo")
    place(two, message, "phone")

    assert await handled(two.chat, message) == [
        "phone is no longer paired with me, so I cannot say whether this was done."
    ]


async def test_what_is_said_of_a_kept_message_never_passes_for_a_later_word_on_it(two, wait_for):
    await two.chat("/use web")
    await two.workers["laptop"].stop()
    await two.online("laptop", is_online=False)
    message = make_message("/repo")
    two.chat.transport.receive(message)
    kept = (await wait_for(two.chat, "I keep this")).reply
    turn = turn_id("server", message)
    worker = await two.start_worker("laptop", "web", "api")

    await two.chat.transport.wait_until_acknowledged(message)

    assert kept.key == f"{turn}.kept"
    assert [each.command for each in worker.records.audit] == ["repo"]


async def test_a_prompt_that_was_kept_when_the_hub_was_killed_is_a_prompt_for_the_next_hub(
    two, wait_for
):
    await two.chat("/use web")
    await two.chat("/chat on")
    await two.workers.pop("laptop").stop()
    await two.online("laptop", is_online=False)
    message = make_message("see you tomorrow")
    two.chat.transport.receive(message)
    await wait_for(two.chat, "I keep this")
    await two.restart_hub("infra")
    await two.start_worker("laptop", "web", "api", is_paired=True)

    two.chat.transport.receive(message)

    await wait_for(two.chat, "Done on laptop.")


async def test_a_question_is_answered_by_yes_after_the_hub_was_restarted(
    two, wait_for, script, run_in
):
    script("laptop", ASK, {"say": "Made."})
    await run_in("web", "wants to")

    await two.restart_hub("infra")
    await two.chat("/use infra")
    await two.chat("yes")

    await wait_for(two.chat, "Made.")


async def test_a_question_of_a_process_that_is_gone_takes_no_answer(two, wait_for, script, run_in):
    script("laptop", ASK, {"say": "Made there."})
    script("server", ASK, {"say": "Made here."})
    await run_in("web", "wants to")
    await two.workers["laptop"].stop()
    await two.start_worker("laptop", "web", "api")
    await run_in("infra", "wants to")

    await two.chat("yes")

    await wait_for(two.chat, "Made here.")


async def test_the_next_turn_goes_to_the_chosen_repo_also_if_that_is_saved_late(two, mocker):
    sessions = two.bot._services.sessions
    save, failures = sessions.set_active_repo, [1, 2]

    def fail_twice(*choice):
        if failures:
            failures.pop()
            raise StoreError("The disk is full.", "the disk is full")
        return save(*choice)

    mocker.patch("butler.fleet.hub_events.SAVING_RETRY_S", 0.01)
    mocker.patch.object(sessions, "set_active_repo", fail_twice)

    await two.chat("/use web")

    assert failures == []
    assert (await two.chat("/repo"))[0].startswith("*web* on laptop")


async def test_a_choice_that_cannot_be_saved_is_taken_back_in_a_sentence(two, mocker, wait_for):
    mocker.patch("butler.fleet.hub_events.SAVING_RETRY_S", 0.01)
    mocker.patch("butler.fleet.hub_events.SAVING_LIMIT_S", 0.05)
    problem = StoreError("The disk is full.", "the disk is full")
    mocker.patch.object(two.bot._services.sessions, "set_active_repo", side_effect=problem)

    await two.chat("/use web")

    await wait_for(
        two.chat,
        "This chat does not work on *web* yet, as that could not be saved: the disk is full. "
        "Send /use laptop/web again.",
    )


async def test_a_reply_that_the_hub_fails_to_handle_is_sent_when_it_is_repeated(two, mocker):
    outcome, failures = two.hub._journal.outcome, [1]

    def fail_once(*event):
        if failures:
            failures.pop()
            raise DataError("The journal cannot be read.")
        return outcome(*event)

    mocker.patch.object(two.hub._journal, "outcome", fail_once)

    assert await two.chat("/use web") == ["This chat now works on *web* on laptop, on branch main."]
    assert failures == []


async def test_a_full_disk_at_the_end_of_a_turn_does_not_end_the_worker(two, mocker):
    marks = two.workers["laptop"].transport._marks
    add = marks.add

    def full(turn, state):
        if state == 3:
            raise DataError("The disk is full.")
        add(turn, state)

    mocker.patch.object(marks, "add", full)

    await two.chat("/use web")

    assert (await two.chat("/repo"))[0].startswith("*web* on laptop")


async def test_an_emptied_redis_gives_no_number_of_another_machine(two, wait_for):
    await two.start_worker("desk", "docs")
    await two.chat("/use web")
    for number in (1, 2):
        before = len(two.chat.transport.sent)
        await two.chat("/run it")
        await wait_for(two.chat, f"Run {number} started in", before)
        await wait_for(two.chat, "Done on laptop.", before)
    await two.chat("/use docs")

    two.server.say("DEL", f"{{butler:{two.redis_name}}}:number")
    await two.chat("/run it")

    began = (await wait_for(two.chat, "started in *docs* on desk")).reply.text
    assert int(began.split()[1]) > 2


async def test_a_redis_that_comes_back_with_older_data_gives_no_number_twice(two, wait_for):
    await two.start_worker("desk", "docs")
    for number, repo in enumerate(("web", "docs"), start=1):
        before = len(two.chat.transport.sent)
        await two.chat(f"/use {repo}")
        await two.chat("/run it")
        await wait_for(two.chat, f"Run {number} started in", before)
        await wait_for(two.chat, "Done on ", before)
    await two.chat("/use web")

    two.server.say("SET", f"{{butler:{two.redis_name}}}:number", "1")
    two.server.say("SET", f"{{butler:{two.redis_name}}}:number-from", "another")
    before = len(two.chat.transport.sent)
    await two.chat("/run it")

    began = (await wait_for(two.chat, "started in *web* on laptop", before)).reply.text
    assert int(began.split()[1]) > 100


async def test_an_emptied_redis_gives_no_number_that_nobody_told_the_hub_of(two, run_in):
    await run_in("web", "Done on laptop.")
    number = f"{{butler:{two.redis_name}}}:number"
    two.server.say("SET", f"{number}-from", "another")
    given = await two.workers["laptop"].transport._broker.next_number(1)

    two.server.say("DEL", number)

    began = (await run_in("web", "started in *web* on laptop")).reply.text
    assert int(began.split()[1]) > given


async def test_without_a_hub_that_knows_the_numbers_nothing_is_started(two, mocker):
    mocker.patch("butler.fleet.broker.NUMBER_LIMIT_S", 0.2)
    mocker.patch.object(two.hub._broker, "raise_number")
    two.server.say("DEL", f"{{butler:{two.redis_name}}}:number")
    await two.chat("/use web")

    assert await two.chat("/run it") == [
        "Redis was emptied, and my hub has not said yet which run numbers are taken, so nothing "
        "was started. Try again."
    ]


@pytest.mark.parametrize("text", ["/stop 7", "/deny +4930123456"])
async def test_what_is_kept_is_dropped_by_a_stop_of_the_chat_only(two, wait_for, text):
    await two.chat("/use web")
    await two.workers["laptop"].stop()
    await two.online("laptop", is_online=False)
    message = make_message("/repo")
    two.chat.transport.receive(message)
    await wait_for(two.chat, "I keep this")

    await two.chat(text)
    await two.start_worker("laptop", "web", "api")

    async with asyncio.timeout(PATIENCE_S):
        await two.chat.transport.wait_until_acknowledged(message)
    assert any(each.reply.text.startswith("*web* on laptop") for each in two.chat.transport.sent)
