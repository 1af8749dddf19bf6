"""A run from its prompt to its answer, in a chat."""

import json
import re
from dataclasses import replace

import pytest

from butler import GitError
from butler.app import read_setup
from butler.testing import open_chat

WRITE = {"ask": {"path": "made.txt", "old": None, "new": "made\n"}}


@pytest.mark.parametrize("text", ["/run do it", "/exec do it", "/do do it", "/ask do it"])
async def test_a_run_answers_with_what_the_agent_said(chat, script, text, answer):
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

    assert await chat("/run") == ["Missing: prompt. Usage: /run <prompt…>"]


@pytest.mark.parametrize("prompt", ["-rf --help", "x" * 65_536, "a\0b"])
async def test_any_prompt_reaches_the_agent(chat, script, prompt, run):
    script.turns({"say": "Heard."})
    await chat("/use api")

    assert (await run(chat, prompt)).startswith("Heard.")


async def test_a_repeated_message_starts_no_second_run(chat, script, answer):
    script.turns({"say": "Done."})
    await chat("/use api")
    message = chat.message("/run do it")
    for _ in range(2):
        chat.transport.receive(message)
    await chat.transport.wait_until_acknowledged(message)
    await answer(chat)

    assert len((await chat("/runs"))[0].split("\n")) == 1
    assert not [sent for sent in chat.transport.sent if "Sorry" in sent.reply.text]


async def test_who_ran_what_where_is_listed(chat, script, run):
    script.turns({"say": "Done."}, {"usage": {"tokens": 7, "cost_usd": 0.125}})
    await chat("/use api")
    assert await chat("/runs") == ["No runs in this chat yet. /run <prompt> starts one."]
    await run(chat.person("+4930111111"))

    (listed,) = await chat("/runs")
    assert re.fullmatch(
        r"• 1 \*api\* done, scripted, …1111, \d+ s, (just now|\d+ s ago), \$0\.12: do it", listed
    )


async def test_runs_are_told_apart_by_name_and_first_words(chat, script, answer):
    script.turns({"say": "Done."})
    await chat("/use api")
    message = chat.message("/run add a retry to the client,\nthen write *many* tests " + "x" * 99)
    chat.transport.receive(replace(message, name="Anna\nB"))
    await answer(chat)

    (listed,) = await chat("/runs")

    assert ", Anna B, " in listed
    assert re.search(r": add a retry to the client, then write .{1,40}…$", listed)


async def test_stop_ends_a_run_and_its_processes(chat, script, tmp_path, wait_for, is_alive):
    pid_file = tmp_path / "pid"
    script.turns(
        {"fork": {"pid_file": str(pid_file)}}, {"ignore_signals": ["SIGINT", "SIGTERM"]}, WRITE
    )
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "1 or 👍 yes")

    (said,) = await chat("/stop")
    assert re.fullmatch(r"Run 1 stopped after \d+ s\. No files changed\.", said)
    assert not is_alive(int(pid_file.read_text()))
    await wait_for(chat, "Run 1 in *api*: stopped")
    assert await chat("/stop") == ["Nothing is running in this chat."]


async def test_a_long_answer_comes_short_and_as_a_document(chat, script, run):
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


async def test_of_a_program_that_prints_much_the_end_is_shown(chat, run):
    await chat("/use api")
    await chat("/agent shell")

    text = await run(chat, "seq 1000; echo 3 tests failed")
    assert text.startswith("…\n")
    assert "\n1000\n3 tests failed\n```\n\nno files changed" in text
    assert len(text) <= 1200


@pytest.mark.parametrize("end", [{"say": ""}, {"fail": "It is off", "details": "cause " * 90}])
async def test_an_answer_fits_a_phone_with_all_that_stands_below_it(chat, script, run, end):
    script.turns({"say": "word " * 2000}, {"write": "made.txt", "content": ""}, end)
    await chat("/use api")

    text = await run(chat)
    assert len(text) <= 1200
    assert text.startswith("word ")
    assert " · /diff · /undo · " in text


async def test_secrets_do_not_reach_the_chat(butler_toml, tmp_path, script, monkeypatch, run):
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


async def test_one_message_shows_how_it_goes(chat, script, run):
    script.turns({"tool": "Look around"}, {"say": "Done."})
    await chat("/use api")
    await run(chat)
    status, *others = [s for s in chat.transport.sent if "Run 1" in s.reply.text]

    assert status.reply.text == "Run 1 started in *api* (Scripted)"
    assert {each.id for each in others} == {status.id}
    assert re.fullmatch(r"Run 1 in \*api\*: done, \d+ s\.", others[-1].reply.text)
    assert chat.transport.typing["team@g.us"] == 0


async def test_use_of_another_repo_leaves_the_run_where_it_is(chat, script, api, wait_for, answer):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "1 or 👍 yes")
    await chat("/use web")
    await chat("yes")
    await answer(chat)

    assert (api / "made.txt").exists()


async def test_a_repo_that_vanishes_during_a_run_ends_in_a_sentence(
    chat, script, api, wait_for, answer
):
    script.turns(WRITE)
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "1 or 👍 yes")
    api.rename(api.with_name("moved"))
    await chat("no")

    assert "Run 1 in *api*" in (await wait_for(chat, "Run 1 in *api*: ")).reply.text
    await answer(chat)


async def test_a_folder_without_git_works_without_undo(chat, script, tmp_path, run):
    (tmp_path / "plain").mkdir()
    script.turns({"say": "Done."})
    await chat("/use plain")

    assert "no git, so no /undo" in await run(chat)
    assert await chat("/diff 1") == [
        "Run 1 in *plain* has no snapshots, so its changes are unknown."
    ]


async def test_a_working_copy_that_cannot_be_kept_is_worked_in_without_undo(chat, run, mocker):
    mocker.patch(
        "butler_run.snapshots.snapshots.Snapshots.take", side_effect=GitError("git took too long.")
    )
    await chat("/use api")

    assert "no snapshot, so no /undo" in await run(chat)


async def test_a_file_in_an_answer_is_sent_as_a_document(chat, script, answer, wait_for):
    resource = {"uri": "file:///srv/notes.md", "text": "one\nAKIAIOSFODNN7EXAMPLE"}
    content = {"type": "resource", "resource": resource}
    update = {"sessionUpdate": "agent_message_chunk", "content": content}
    params = {"sessionId": "c-1", "update": update}
    line = json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params})
    script.turns({"say": "See "}, {"garbage": line})
    await chat("/use api")
    await chat("/run write notes")

    document = await wait_for(chat, "one\n")

    assert (await answer(chat)).reply.text.startswith("See [notes.md, in a document]\n")
    assert document.reply.file_name == "notes.md"
    assert "AKIA" not in document.reply.text


async def test_of_a_progress_bar_only_its_last_state_is_shown(chat, run):
    await chat("/use api")
    await chat("/agent shell")

    text = await run(chat, r"printf '1%%\r50%%\r100%%\n\033[31m+ new\033[0m\n'")

    assert text.startswith("```\n100%\n+ new\n```")
