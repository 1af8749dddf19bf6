"""Between terminal and phone, and how long a conversation is."""

import json
import os
import time

import pytest

from butler.testing.agents import scripted_agent


@pytest.fixture
def butler_toml(butler_toml, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    said = {"turns": [[{"say": "{conversation}"}]], "resume": "accept"}
    return f"""{butler_toml}
        [plugins.run.agents.claude]
        kind = "claude"
        command = {json.dumps(scripted_agent("claude", tmp_path, said))}
    """


@pytest.fixture
def transcript(tmp_path, api):
    """Let Claude keep a conversation of the folder."""
    folder = "".join(c if c.isalnum() and c.isascii() else "-" for c in str(api))
    projects = tmp_path / "home" / ".claude" / "projects" / folder

    def kept(name, words, age_s=7_200):
        projects.mkdir(parents=True, exist_ok=True)
        rows = [
            {"type": "queue-operation"},
            {"type": "user", "message": {"content": "<command-name>/clear</command-name>"}},
            {"type": "user", "message": {"content": [{"type": "text", "text": words}]}},
        ]
        path = projects / f"{name}.jsonl"
        path.write_text("not json\n" + "\n".join(map(json.dumps, rows)))
        os.utime(path, (time.time() - age_s,) * 2)

    return kept


@pytest.fixture
def is_open(tmp_path):
    """Let a living process have a conversation open."""

    def opened(name, process_id=None):
        folder = tmp_path / "home" / ".claude" / "sessions"
        folder.mkdir(parents=True)
        session = json.dumps({"sessionId": name})
        (folder / f"{process_id or os.getpid()}.json").write_text(session)

    return opened


async def test_resume_says_what_to_type_in_the_folder(chat, run):
    await chat("/use api")
    await chat("/agent claude")

    assert await chat("/resume") == [
        "There is no conversation with claude in *api* yet. /run <prompt> begins one."
    ]
    await run(chat)
    assert await chat("/resume") == ["In the folder of *api*, type:\n```\nclaude --resume c-1\n```"]


async def test_an_agent_with_an_unknown_command_line_gives_its_id(chat, run):
    await chat("/use api")
    await run(chat)

    assert await chat("/resume") == [
        "How scripted goes on with a conversation in a terminal is not known to me. "
        "The id of this one: c-1"
    ]


async def test_the_document_of_a_run_has_the_line_too(chat, tmp_path, run, wait_for):
    scripted_agent("claude", tmp_path, {"turns": [[{"say": "word " * 1_000}]]})
    await chat("/use api")
    await chat("/agent claude")
    await run(chat)

    document = await wait_for(chat, "To go on in a terminal, in the folder of the repo: ")
    assert document.reply.text.endswith("`claude --resume c-1`")
    assert document.reply.file_name == "run-1.md"


async def test_a_conversation_from_a_terminal_is_taken_over(chat, transcript, run):
    transcript("old", "Fix the *login*\nplease")
    transcript("older", "Write tests", 3 * 86_400)
    await chat("/use api")
    await chat("/agent claude")

    assert await chat("/continue") == [
        "Conversations of claude in the folder of *api*:\n"
        "1. Fix the ∗login∗ please, 2 h ago\n"
        "2. Write tests, 3 days ago\n"
        "/continue <number> goes on with one here."
    ]
    assert await chat("/continue 3") == ["There is no conversation 3. /continue lists them."]
    assert await chat("/continue 2") == ["The next prompt goes on with “Write tests” in *api*."]
    assert (await run(chat)).startswith("older\n")
    assert "Write tests" not in (await chat("/continue"))[0]


async def test_what_may_still_be_open_is_continued_in_a_copy(chat, transcript, run):
    transcript("new", "Fix the login", 60)
    await chat("/use api")
    await chat("/agent claude")

    assert "1. Fix the login, 1 min ago, may still be open" in (await chat("/continue"))[0]
    assert await chat("/continue 1") == [
        "The next prompt goes on with “Fix the login” in *api*. It may still be open elsewhere, so "
        "I go on in a copy of it."
    ]
    assert (await run(chat)).startswith("new-copy\n")
    assert (await run(chat)).startswith("new-copy\n")


async def test_what_a_process_has_open_is_continued_in_a_copy(chat, transcript, is_open, run):
    transcript("old", "Fix the login")
    is_open("old")
    await chat("/use api")
    await chat("/agent claude")

    assert "may still be open" in (await chat("/continue"))[0]
    await chat("/continue 1")
    assert (await run(chat)).startswith("old-copy\n")


async def test_a_chats_own_conversation_that_a_terminal_has_open_is_not_shared(
    chat, is_open, run, wait_for
):
    await chat("/use api")
    await chat("/agent claude")
    await run(chat)
    is_open("c-1")

    assert (await run(chat)).startswith("c-1-copy\n")
    await wait_for(
        chat, "This conversation is open in another program, so I go on in a copy of it."
    )


async def test_a_process_that_is_gone_has_nothing_open(chat, is_open, run):
    await chat("/use api")
    await chat("/agent claude")
    await run(chat)
    is_open("c-1", 4_194_305)

    assert (await run(chat)).startswith("c-1\n")


async def test_no_conversations_to_go_on_with(chat, script):
    await chat("/use api")

    assert await chat("/continue") == ["scripted does not list its conversations."]
    await chat("/agent claude")
    assert await chat("/continue") == ["claude has no other conversations in the folder of *api*."]


async def test_conversations_of_an_agent_of_the_protocol_are_listed(chat, script, run):
    script["sessions"] = [{"id": "s", "title": "Old", "updated_at": "2026-01-02T03:04:05Z"}]
    script["resume"] = "reopen"
    script.turns({"say": "{conversation}"})
    await chat("/use api")

    assert "1. Old, " in (await chat("/continue"))[0]
    await chat("/continue 1")
    assert (await run(chat)).startswith("s\n")


async def test_the_context_is_shown_with_cost_and_today(chat, script, run):
    script["commands"] = [{"name": "compact", "description": "Shorten"}]
    script.turns({"usage": {"tokens": 50_000, "cost_usd": 0.25}}, {"say": "Done."})
    await chat("/use api")

    assert (await chat("/context"))[0].startswith(
        "Conversation with scripted in *api*:\n• nothing yet; the next prompt begins one"
    )
    await run(chat)
    assert await chat("/context") == [
        "Conversation with scripted in *api*:\n"
        "• 50,000 of 200,000 tokens (25 %)\n"
        "• 1 run, $0.25\n"
        "Today in this chat: 1 run, 50,000 tokens, $0.25.\n"
        "/compact shortens the conversation, /new starts another."
    ]


async def test_the_cost_of_a_conversation_is_not_counted_again_with_each_run(chat, script, run):
    await chat("/use api")
    for cost in (0.25, 0.4):
        script.turns({"usage": {"tokens": 1, "cost_usd": cost}}, {"say": "Done."})
        text = await run(chat)

    assert text.endswith("$0.15")
    assert "2 runs, $0.40" in (await chat("/context"))[0]
    script.turns({"usage": {"tokens": 1, "cost_usd": 0.1}}, {"say": "Done."})
    assert (await run(chat)).endswith("$0.10")


@pytest.mark.parametrize("has_compact", [True, False])
async def test_a_conversation_that_is_too_long_is_said_with_the_way_out(
    chat, script, run, has_compact
):
    script["commands"] = [{"name": "compact", "description": ""}] if has_compact else []
    script.turns({"too_long": True})
    await chat("/use api")

    text = await run(chat)

    way = "/compact shortens it, /new starts another." if has_compact else "/new starts another."
    assert f"This conversation has become too long for the model. {way}" in text


async def test_what_ended_with_the_run_is_named(chat, script, run):
    script.turns({"tasks": {"background": ["npm run dev"]}}, {"say": "Done."})
    await chat("/use api")

    assert "Ended with the run: npm run dev." in await run(chat)


async def test_what_another_chat_has_begun_is_not_offered(chat, transcript, run):
    other = chat.chat("other@g.us")
    for each in (chat, other):
        await each("/use api")
        await each("/agent claude")
    transcript("c-1", "Sell the company")
    transcript("c-2", "Fix the login")
    await run(other)

    assert "Sell" not in (await chat("/continue"))[0]
    await other("/new")
    assert "Sell" not in (await chat("/continue"))[0]
    assert "Sell" in (await other("/continue"))[0]


async def test_no_file_name_becomes_an_option_in_a_terminal(chat, transcript):
    transcript("--dangerously-skip-permissions", "Take me")
    transcript("-h", "Take me")
    await chat("/use api")
    await chat("/agent claude")

    assert await chat("/continue") == ["claude has no other conversations in the folder of *api*."]


@pytest.mark.parametrize("name", ["--yolo", "../../x", "a b", "a'b", "a\nb", "", "a\u202eb"])
async def test_what_is_no_id_is_neither_offered_nor_shown_nor_kept(chat, script, run, name):
    script["sessions"] = [{"id": name, "title": "Old", "updated_at": "2026-01-02T03:04:05Z"}]
    script.turns({"say": "Done."})
    await chat("/use api")

    assert "has no other conversations" in (await chat("/continue"))[0]
    script["conversation_id"] = name
    script.turns({"say": "Done."})
    assert (await run(chat)).startswith("Done.")
    assert "/run <prompt> begins one" in (await chat("/resume"))[0]


async def test_a_secret_in_the_first_words_is_hidden_also_at_the_edge(chat, transcript):
    secret = "ghp_" + "a1B2" * 9
    transcript("old", f"{'word ' * 10}use {secret} please")
    await chat("/use api")
    await chat("/agent claude")

    (said,) = await chat("/continue")

    assert "•••" in said
    assert secret[:8] not in said
