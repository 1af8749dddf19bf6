import os
import re

import pytest

from butler.app import read_setup
from butler.testing import open_chat

WRITE = {"ask": {"path": "made.txt", "old": None, "new": "made\n"}}


async def wait_for(chat, text, after=0):
    """Return the first reply of a chat, behind a position, that has ``text`` in it."""
    found = None
    while found is None:
        sent = chat.transport.sent[after:]
        here = [each for each in sent if each.chat_id == chat.chat_id]
        found = next((each for each in here if text in each.reply.text), None)
        if found is None:
            await chat.next_reply()
    return found


async def run(chat, prompt="do it"):
    """Ask for a run and return the text of its answer."""
    before = len(chat.transport.sent)
    assert await chat(f"/run {prompt}") is not None
    return (await answer(chat, before)).reply.text


async def answer(chat, after=0):
    while True:
        for sent in chat.transport.sent[after:]:
            is_here = sent.chat_id == chat.chat_id and sent.reply.answers is not None
            if is_here and re.search(r" · \d+ s|, no /undo|no files changed", sent.reply.text):
                return sent
        await chat.next_reply()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("text", ["/run do it", "/exec do it", "/do do it", "/ask do it"])
async def test_a_run_answers_with_what_the_agent_said(chat, script, text):
    script.turns({"say": "All **done**: {prompt}"})
    await chat("/use api")
    await chat(text)

    sent = await answer(chat)

    assert sent.reply.text.startswith("All *done*: do it\n\nno files changed · ")
    assert sent.reply.answers.text == text


async def test_without_an_active_repo_a_run_says_how_to_choose_one(chat):
    assert await chat("/run do it") == [
        "This chat has no active repo. /repos lists them, /use <repo> selects one."
    ]


async def test_an_empty_prompt_is_refused(chat):
    await chat("/use api")

    assert await chat("/run") == ["What is missing is the prompt. Usage: /run <prompt…>"]


@pytest.mark.parametrize("prompt", ["-rf --help", "x" * 65_536, "a\0b"])
async def test_any_prompt_reaches_the_agent(chat, script, prompt):
    script.turns({"say": "Heard."})
    await chat("/use api")

    assert (await run(chat, prompt)).startswith("Heard.")


async def test_what_a_run_changed_is_counted_shown_and_undone(chat, script, api):
    script.turns({"write": "made.txt", "content": "one\ntwo\n"}, {"say": "Written."})
    await chat("/use api")

    assert "1 file +2 −0 · /diff · /undo · " in await run(chat)
    (diff,) = await chat("/diff")
    assert diff.startswith("Run 1: 1 file +2 −0\n```\ndiff --git a/made.txt b/made.txt")
    assert await chat("/undo") == ["Run 1 is undone: made.txt."]
    assert not (api / "made.txt").exists()
    assert await chat("/undo 1") == ["There is nothing to undo of run 1."]


async def test_a_large_diff_comes_as_a_patch(chat, script):
    script.turns({"write": "made.txt", "content": "line\n" * 1000})
    await chat("/use api")
    await run(chat)
    before = len(chat.transport.sent)

    summary, _patch = await chat("/diff 1")

    assert summary == "Run 1: 1 file +1000 −0\n• made.txt"
    assert chat.transport.sent[before + 1].reply.file_name == "run-1.patch"


async def test_undo_never_overwrites_what_was_changed_since(chat, script, api):
    script.turns({"write": "made.txt", "content": "one\n"})
    await chat("/use api")
    await run(chat)
    (api / "made.txt").write_text("mine\n")

    assert await chat("/undo") == ["Nothing was undone. Changed since the run: made.txt."]
    assert (api / "made.txt").read_text() == "mine\n"


@pytest.mark.parametrize("text", ["/diff", "/undo"])
async def test_without_a_run_there_is_nothing_to_show(chat, text):
    assert await chat(text) == ["There was no run in this chat. /runs lists them."]
    assert await chat(f"{text} 7") == ["There is no such run in this chat. /runs lists them."]


@pytest.mark.parametrize(
    ("said", "is_made"),
    [("1", True), ("yes", True), ("Yes a", True), ("2", True), ("no", False), ("3", False)],
)
async def test_a_question_is_answered_from_the_chat(chat, script, api, said, is_made):
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
async def test_a_thumb_on_the_question_answers_it(chat, script, api, thumb, is_made):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    question = await wait_for(chat, "reply 1 allow")

    await chat(thumb, is_reaction=True, quoted_id="something else")
    await chat(thumb, is_reaction=True, quoted_id=question.id)
    await answer(chat)

    assert (api / "made.txt").exists() is is_made


async def test_only_the_requester_or_an_owner_answers(chat, script, api):
    script.turns(WRITE)
    anna, bob = chat.person("+4930111111"), chat.person("+4930222222")
    await chat("/use api")
    await anna("/run do it")
    await wait_for(chat, "reply 1 allow")

    assert await bob("yes") == ["Only who started the run, or an owner, can answer that."]
    assert await anna("yes") == []
    await answer(chat)

    assert (api / "made.txt").exists()


async def test_with_two_questions_open_the_letter_tells_them_apart(chat, script, tmp_path):
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


async def test_plain_answers_without_a_question_are_left_alone(chat):
    assert await chat("yes") == []
    assert await chat("👍", is_reaction=True, quoted_id="1") == []
    assert [entry.rule for entry in chat.ignored] == ["not a command", "not a command"]


async def test_a_question_nobody_answers_is_rejected_and_that_is_said(chat, script, api, mocker):
    mocker.patch("butler_run.work.Work.__init__.__defaults__", (0.05,))
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


async def test_stop_ends_a_run_and_its_processes(chat, script, tmp_path):
    pid_file = tmp_path / "pid"
    script.turns(
        {"fork": {"pid_file": str(pid_file)}}, {"ignore_signals": ["SIGINT", "SIGTERM"]}, WRITE
    )
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "reply 1 allow")

    assert await chat("/stop") == ["Run 1 is stopped; all its processes are dead."]
    assert not is_alive(int(pid_file.read_text()))
    await wait_for(chat, "Run 1 in *api*: stopped")
    await answer(chat)
    assert await chat("/stop") == ["Nothing is running in this chat."]


async def test_stop_works_while_a_question_is_open(chat, script, api):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "reply 1 allow")

    assert await chat("/stop 1") == ["Run 1 is stopped; all its processes are dead."]
    await wait_for(chat, "Run 1 in *api*: stopped")
    await answer(chat)

    assert not (api / "made.txt").exists()
    assert await chat("yes") == []


async def test_a_second_run_in_a_repo_waits_for_the_first(chat, script):
    script.turns({"wait": True})
    other = chat.chat("other@g.us")
    await chat("/use api")
    await other("/use api")
    await chat("/run first")

    assert await chat("/run second") == ["Run 2 is queued #2, after run 1 in this chat."]
    assert await other("/run third") == ["Run 3 is queued #3, after run 2 in another chat."]
    assert await other("/stop 2") == ["Run 2 is not running in this chat. /runs lists them."]
    assert await other("/stop 3") == ["Run 3 will not start."]
    assert await chat("/stop 2") == ["Run 2 will not start."]
    assert await chat("/stop") == ["Run 1 is stopped; all its processes are dead."]
    lines = (await chat("/runs"))[0].split("\n")

    assert lines[0].startswith("• 2 *api* stopped, scripted, ")
    assert lines[1].startswith("• 1 *api* ")


async def test_runs_in_two_repos_go_side_by_side(chat, script):
    script.turns(WRITE)
    other = chat.chat("other@g.us")
    await chat("/use api")
    await other("/use web")
    await chat("/run do it")
    await other("/run do it")

    await wait_for(chat, "reply 1 allow")
    await wait_for(other, "reply 1 allow")


async def test_a_chat_may_queue_only_so_many(chat, script):
    script.turns({"wait": True})
    await chat("/use api")
    for _ in range(3):
        await chat("/run do it")

    assert await chat("/run too much") == [
        "2 runs of this chat wait already. /stop ends one, /runs lists them."
    ]
    for _ in range(3):
        await chat("/stop")


async def test_use_of_another_repo_leaves_the_run_where_it_is(chat, script, api):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "reply 1 allow")
    await chat("/use web")
    await chat("yes")
    await answer(chat)

    assert (api / "made.txt").exists()


async def test_a_conversation_goes_on_until_new(chat, script):
    script.turns({"say": "{conversation}"})
    await chat("/use api")
    await run(chat)

    begun = "The next prompt begins a fresh conversation with scripted in *api*."
    assert await chat("/new") == [begun]
    assert await chat("/new") == ["There is no conversation with scripted in *api* yet."]


async def test_a_conversation_that_is_lost_is_said_once_and_begun_afresh(chat, script):
    script.turns({"say": "Here."})
    await chat("/use api")
    await run(chat)
    script["resume"] = "refuse"
    script.turns({"say": "Afresh."})

    assert (await run(chat)).startswith("Afresh.")
    assert [s for s in chat.transport.sent if "I start a fresh one." in s.reply.text]


async def test_plain_text_is_a_prompt_where_that_was_said(chat, script):
    script.turns({"say": "You said {prompt}"})
    await chat("/use api")
    assert await chat("hello") == []
    assert await chat("/chat") == ["Plain text is no prompt here. /chat on changes that."]
    assert await chat("/chat on") == ["Plain text is a prompt here now. /chat off takes that back."]
    assert await chat("/chat") == ["Plain text is a prompt here. /chat off changes that."]
    await chat("hello")

    assert (await answer(chat)).reply.text.startswith("You said hello")
    assert await chat("/chat off") == ["Plain text is no prompt here any more."]


async def test_a_reply_to_a_run_and_a_mention_are_prompts(chat, script):
    script.turns({"say": "You said {prompt}"})
    await chat("/use api")
    await run(chat)
    first = await answer(chat)
    before = len(chat.transport.sent)
    await chat("and now", quoted_id=first.id)
    assert (await answer(chat, before)).reply.text.startswith("You said and now")
    before = len(chat.transport.sent)
    await chat("go on", is_to_bot=True)

    assert (await answer(chat, before)).reply.text.startswith("You said go on")


async def test_a_chat_chooses_its_agent(chat):
    await chat("/use api")

    assert (await chat("/agent"))[0].startswith("This chat uses *scripted* in api. There are: ")
    assert await chat("/agent nope") == [
        "There is no agent nope. Known: claude, codex, gemini, opencode, scripted, shout."
    ]
    assert await chat("/agent shout") == ["This chat now uses *shout*."]
    assert (await run(chat, "hello")).startswith("HELLO")


async def test_a_repo_can_name_its_agent(butler_toml, tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text(
        butler_toml.replace("repos.web.path", 'repos.web.agent = "shout"\nrepos.web.path')
    )
    async with open_chat(read_setup(path)) as chat:
        await chat("/use web")
        assert (await run(chat, "hello")).startswith("HELLO")


async def test_an_agent_that_is_not_installed_says_how_to_get_it(chat):
    await chat("/use api")
    await chat("/agent codex")

    assert "npm install -g @zed-industries/codex-acp" in await run(chat)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"crash": 3}, "3"),
        ({"fail": "Something is off", "details": "the cause"}, "the cause"),
    ],
)
async def test_an_agent_that_breaks_off_says_why(chat, script, step, said):
    script.turns({"say": "I begin."}, step)
    await chat("/use api")
    text = await run(chat)

    assert text.startswith("I begin.")
    assert said in text
    await wait_for(chat, "Run 1 in *api*: failed")


async def test_a_long_answer_comes_short_and_as_a_document(chat, script):
    script.turns({"say": "word " * 2000}, {"tool": "Look"}, {"say": "The end."})
    await chat("/use api")
    text = await run(chat)
    document = chat.transport.sent[-1] if chat.transport.sent[-1].reply.file_name else None
    while document is None:
        await chat.next_reply()
        document = next((s for s in chat.transport.sent if s.reply.file_name), None)

    assert text.startswith("The end.\n\n")
    assert document.reply.file_name == "run-1.md"
    assert document.reply.text.endswith("The end.")


async def test_secrets_do_not_reach_the_chat(butler_toml, tmp_path, script, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "hush-hush-hush")
    path = tmp_path / "butler.toml"
    path.write_text(
        butler_toml.replace(
            "[plugins.run.agents.shout]", 'env = ["MY_TOKEN"]\n[plugins.run.agents.shout]'
        )
    )
    script.turns({"say": "It is hush-hush-hush and ghp_" + "a" * 36 + "\x1b[31m."})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        assert (await run(chat)).startswith("It is ••• and •••.")


async def test_one_message_shows_how_it_goes(chat, script):
    script.turns({"tool": "Look around"}, {"say": "Done."})
    await chat("/use api")
    await run(chat)
    status, *others = [s for s in chat.transport.sent if "Run 1" in s.reply.text]

    assert status.reply.text == "Run 1: scripted works in *api*, 0 s"
    assert {each.id for each in others} == {status.id}
    assert re.fullmatch(r"Run 1 in \*api\*: done, \d+ s\.", others[-1].reply.text)
    assert chat.transport.typing["team@g.us"] == 0


async def test_a_repo_that_vanishes_during_a_run_ends_in_a_sentence(chat, script, api):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "reply 1 allow")
    api.rename(api.with_name("moved"))
    await chat("no")

    assert "Run 1 in *api*" in (await wait_for(chat, "Run 1 in *api*: ")).reply.text
    await answer(chat)


async def test_a_folder_without_git_works_without_undo(chat, script, tmp_path):
    (tmp_path / "plain").mkdir()
    script.turns({"say": "Done."})
    await chat("/use plain")

    assert "no git, so no /undo" in await run(chat)
    assert await chat("/diff 1") == ["Run 1 has no snapshots, so I cannot tell what it changed."]


async def test_a_run_cut_off_by_the_end_of_butler_is_said_and_not_repeated(
    butler_toml, tmp_path, script
):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    script.turns({"wait": True})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        message = chat.message("/run do it")
        chat.transport.receive(message)
        await chat.transport.wait_until_acknowledged(message)
        await wait_for(chat, "Run 1: scripted works")
        chat.bot.stop()

    async with open_chat(read_setup(path)) as again:
        await wait_for(again, "Run 1 in *api* was cut off when I was ended. /run starts it anew.")
        again.transport.receive(message)
        await again.transport.wait_until_acknowledged(message)
        assert (await again("/runs"))[0].startswith("• 1 *api* cut off, scripted, ")


async def test_a_person_has_only_so_many_runs_an_hour(chat, script):
    script.turns({"say": "Done."})
    anna = chat.person("+4930111111")
    await chat("/use api")
    for _ in range(3):
        await run(anna)

    assert await anna("/run once more") == [
        "You have had 3 runs within an hour. Try again a little later."
    ]
    assert "Done." in await run(chat)


async def test_a_chat_has_a_budget_that_an_owner_can_lift_for_one_run(
    butler_toml, tmp_path, script
):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml.replace("max_runs = 2", "max_runs = 2\nmax_runs_per_day = 5"))
    script.turns({"say": "Done."})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        for _ in range(3):
            await run(chat)
        before = len(chat.transport.sent)
        assert await chat("/run") != []
        await run(chat)
        await wait_for(chat, "This chat has used 4 of 5 runs today.", before)
        await run(chat)
        assert "used up its runs of today" in (await chat("/run more"))[0]
        assert await chat("/lift") == ["The next run here may go beyond the budget."]
        await run(chat)
        assert "used up its runs of today" in (await chat("/run more"))[0]


async def test_what_runs_cost_is_counted(butler_toml, tmp_path, script):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml.replace("max_runs = 2", "max_cost_usd_per_day = 0.5"))
    script.turns({"usage": {"tokens": 10, "cost_usd": 0.6}}, {"say": "Done."})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        assert (await run(chat)).endswith(" · $0.60")
        assert "(0.6 of 0.5)" in (await chat("/run more"))[0]
        assert (await chat("/runs"))[0].endswith(", $0.60")


async def test_the_audit_has_runs_with_their_prompts(chat, script):
    script.turns({"say": "Done."})
    await chat("/use api")
    await run(chat, "make it so")

    entries = [(e.command, e.repo, e.result, e.detail) for e in chat.records.audit]
    assert ("run", "api", "done", "run 1: make it so") in entries


async def test_a_second_butler_leaves_the_runs_of_the_first_alone(
    butler_toml, tmp_path, script, mocker
):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    script.turns({"wait": True})
    mocker.patch("butler_run.history.os.getpid", return_value=1)
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await chat("/run do it")
        mocker.stopall()
        async with open_chat(read_setup(path)) as second:
            assert "cut off" not in (await second("/runs"))[0]
        await chat("/stop")
