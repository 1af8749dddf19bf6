import json
import os
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

from butler.chat.message import Message, Person, Reply
from butler.records.model import MemoryRecords
from butler.records.sqlite import SqliteRecords
from butler.transports.console.jsonl import JsonLines
from butler.transports.console.seen import SeenMessages
from butler_process import BUTLER, PATIENCE_S, line, replies, run_butler, start_butler, write_config

OPEN = '[access]\nchats = ["team@g.us"]\n'


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path, OPEN)


@pytest.fixture
def talk(config):
    """Put a text into a process of its own, which has to end well; return what it answers."""

    def talk(text):
        ended = run_butler("console", "--jsonl", "--config", config, text=text)
        assert (ended.stderr, ended.returncode) == ("", 0)
        return replies(ended.stdout)

    return talk


def ignored(config):
    return SqliteRecords(config.parent / "data" / "records.sqlite3").last_ignored(100)


def test_a_command_is_answered_by_an_object(talk):
    (reply,) = talk(line("/use api", id="m1"))

    assert reply.pop("id")
    assert reply == {
        "chat": "team@g.us",
        "text": "This chat now works on *api*, on branch main.",
        "reply_to": "m1",
    }


def test_messages_of_a_chat_are_answered_in_order_and_chats_are_apart(talk):
    chats = [f"{number}@g.us" for number in range(5)]
    text = "".join(line(f"/use {repo}", chat) for repo in ("api", "web", "api") for chat in chats)

    found = talk(text)

    for chat in chats:
        assert [each["text"].split("*")[1] for each in found if each["chat"] == chat] == [
            "api",
            "web",
            "api",
        ]


def test_a_line_without_a_sender_is_from_an_owner(talk):
    assert "which" not in talk(line("/who"))[0]["text"]
    assert talk(line("/who"))[0]["text"].startswith("No /allow or /deny so far")


@pytest.mark.parametrize("sender", ["+4930123456", "4930123456@s.whatsapp.net", "123@lid"])
def test_a_sender_is_a_phone_number_or_a_lid(talk, config, sender):
    (reply,) = talk(line("/who", sender=sender) + line("/who", "closed@g.us", sender=sender))

    assert reply["text"] == "/who is for owners only."
    assert {(each.chat_id, each.detail) for each in ignored(config)} == {
        ("team@g.us", "/who needs owner"),
        ("closed@g.us", f"neither {Person.parse(sender)} nor closed@g.us is admitted"),
    }


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (b"hello", "The line is not valid JSON: expected value at line 1 column 1."),
        (b"{", "The line is not valid JSON: EOF while parsing an object at line 1 column 1."),
        (b"[]", "The line is not a JSON object."),
        (b'"x"', "The line is not a JSON object."),
        (b"null", "The line is not a JSON object."),
        (b"{}", "chat: is missing. text: is missing."),
        (b'{"chat": "a"}', "text: is missing."),
        (b'{"chat": "", "text": ""}', "chat: expected a text of length 1 or more."),
        (b'{"chat": "a\\nb", "text": ""}', "chat: contains control characters."),
        (b'{"chat": 1, "text": null}', "chat: expected a text in quotes. text: expected a text"),
        (
            b'{"chat": "a", "text": "", "id": "%s"}' % (b"x" * 257),
            "id: expected a text of length 256 or less.",
        ),
        (
            b'{"chat": "a", "text": "x", "reaction": true}',
            "reaction: needs the id of a message in quoted.",
        ),
        (b'{"chat": "a", "text": "x", "reaction": 1}', "reaction: expected true or false."),
        (b'{"chat": "a", "text": "", "txet": 1}', "txet: unknown key; did you mean text?"),
        (
            b'{"chat": "a", "text": "", "zzz": 1}',
            "zzz: unknown key; known here: attachments, chat, id, name, quoted, reaction, sender, "
            "text.",
        ),
        (
            b'{"chat": "a", "text": "", "sender": "me"}',
            "'me' is neither a phone number (+49\u2026) nor a LID (\u2026@lid).",
        ),
        (
            b'{"chat": "a", "text": "\xff"}',
            "The line is not valid JSON: invalid unicode code point",
        ),
        (b'{"chat": "a", "text": "\\ud800"}', "The line is not valid JSON: "),
        (b'{"chat": "a", "text": "\0"}', "The line is not valid JSON: control character"),
        (b"[" * 10_000, "The line is not valid JSON: recursion limit exceeded"),
        (b"x" * (1024 * 1024 + 1), "The line is longer than 1,048,576 bytes."),
    ],
)
def test_a_line_that_is_none_is_answered_by_an_error_and_the_next_is_read(config, broken, error):
    ended = subprocess.run(
        [*BUTLER, "console", "--jsonl", "--config", config],
        input=b"\n" + broken + b"\n" + line("/use api").encode(),
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )

    first, second = replies(ended.stdout)
    assert first["error"].startswith(error)
    assert first["line"] == 2
    assert "*api*" in second["text"]
    assert ended.stderr == b""


@pytest.mark.parametrize(
    "text",
    [
        line("/use api"),
        line("/use api").replace("\n", "\r\n"),
        line("/use api").rstrip("\n"),
        "\n \n\r\n" + line("/use api"),
        line("/use api", name="Näme \u202e 🙂"),
        json.dumps({"text": "/use \u0000api", "chat": "a"}).replace("\\u0000", "") + "\n",
    ],
)
def test_line_ends_and_empty_lines_make_no_difference(talk, text):
    (reply,) = talk(text)

    assert "*api*" in reply["text"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/use a\0b", "No repo called a\ufffdb."),
        ("/use " + "x" * 65_536, f"No repo called {'x' * 64}…."),
        ("/use 🙂ünï", "No repo called 🙂ünï."),
    ],
)
def test_any_text_is_answered(talk, text, answer):
    (reply,) = talk(line(text))

    assert reply["text"].startswith(answer)


def test_an_id_counts_once_and_the_second_time_is_recorded(talk, config):
    assert len(talk(line("/use api", id="m1") * 2 + line("/use web", "b@g.us", id="m1"))) == 2
    assert talk(line("/use api", id="m1")) == []

    assert [(each.rule, each.message_id) for each in ignored(config)] == [("duplicate", "m1")] * 2


def test_messages_without_an_id_are_all_different(talk):
    assert len(talk(line("/use api") * 3)) == 3


def test_a_message_without_an_answer_is_handled_once_too(talk, config):
    assert talk(line("hello", id="m1")) == []
    assert talk(line("hello", id="m1")) == []

    assert [each.rule for each in ignored(config)] == ["duplicate", "not a command"]


def test_a_reader_that_goes_away_ends_butler_without_a_word(config):
    process = start_butler("console", "--jsonl", "--config", config)
    feeder = threading.Thread(target=feed, args=(process, line("/help") * 20_000))
    feeder.start()

    process.stdout.readline()
    process.stdout.close()

    assert process.wait(PATIENCE_S) == 1
    assert process.stderr.read() == b""
    feeder.join()
    process.stderr.close()


def test_a_reader_that_stands_still_gets_everything_in_the_end(config):
    process = start_butler("console", "--jsonl", "--config", config)
    feeder = threading.Thread(target=feed, args=(process, line("/help") * 10_000))
    feeder.start()
    feeder.join(2)

    assert feeder.is_alive()
    found = sum(1 for _ in process.stdout)
    feeder.join()
    assert found == 10_000
    assert end(process) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_butler_after_the_turns_under_way(config, number):
    process = start_butler("console", "--jsonl", "--config", config)
    process.stdin.write(line("/use api").encode())
    process.stdin.flush()
    assert b"*api*" in process.stdout.readline()

    process.send_signal(number)

    assert process.stdout.read() == b""
    assert end(process) == (0, b"")


def test_after_a_signal_a_reader_that_stands_still_is_not_waited_for(config):
    process = start_butler("console", "--jsonl", "--config", config)
    process.stdin.write((line("/help") * 300).encode())
    process.stdin.flush()
    process.stdout.readline()

    process.send_signal(signal.SIGTERM)

    assert process.wait(PATIENCE_S) == 1
    assert process.stderr.read() == b""
    end(process)


def test_after_a_kill_the_same_lines_again_answer_what_was_not_answered(config):
    count = 3_000
    lines = "".join(line("/use api", f"{n % 50}@g.us", id=f"m{n}") for n in range(count))
    process = start_butler("console", "--jsonl", "--config", config)
    feeder = threading.Thread(target=feed, args=(process, lines))
    feeder.start()
    seen = [json.loads(process.stdout.readline()) for _ in range(count // 3)]

    process.kill()
    rest = process.stdout.read()
    feeder.join()
    end(process)
    seen += replies(rest[: rest.rfind(b"\n") + 1])
    again = replies(run_butler("console", "--jsonl", "--config", config, text=lines).stdout)

    first, second = ({each["reply_to"] for each in found} for found in (seen, again))
    assert first | second == {f"m{number}" for number in range(count)}
    # Between the writing of a reply and the note of it a kill can always fall: some 8 KiB of them.
    assert len(first & second) < 100


def test_a_record_that_breaks_down_ends_butler_with_one_sentence(config):
    process = start_butler("console", "--jsonl", "--config", config)
    process.stdin.write(line("/use api").encode())
    process.stdin.flush()
    process.stdout.readline()
    with closing(sqlite3.connect(config.parent / "data" / "console.sqlite3")) as db:
        db.execute("DROP TABLE handled")

    out, err = process.communicate(line("/use api", id="m1").encode(), timeout=PATIENCE_S)

    assert (out, process.returncode) == (b"", 1)
    assert err.decode().splitlines()[-1] == (
        f"{config.parent}/data/console.sqlite3 cannot be used: the database failed; "
        "SQLite says: no such table: handled."
    )
    assert b"Traceback" not in err


@pytest.fixture
async def transport(tmp_path):
    """JSON lines over pipes: the transport, and the end to read what it writes from."""
    (in_read, in_write), (out_read, out_write) = os.pipe(), os.pipe()
    os.close(in_write)
    handled = SeenMessages(tmp_path / "console.sqlite3")
    yield JsonLines(in_read, out_write, handled, MemoryRecords()), out_read
    for each in (in_read, out_read, out_write):
        os.close(each)


def test_a_line_can_quote_a_message_or_react_to_it(transport):
    lines, _out = transport

    _line, reply = lines._parse(b'{"chat": "a", "text": "yes", "quoted": "q1"}')
    _line, reaction = lines._parse('{"chat": "a", "text": "👍", "quoted": "q1", "reaction": true}')

    assert (reply.quoted_id, reply.is_reaction) == ("q1", False)
    assert (reaction.quoted_id, reaction.is_reaction) == ("q1", True)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("/repo @bot", "/repo"),
        ("yes @Bot", "yes"),
        ("@bot, /use api", "/use api"),
        ("/use @bot api", "/use api"),
        ("mend it, @bot.", "mend it,."),
        ("ask @botany, me@bot.org or @bot-2", "ask @botany, me@bot.org or @bot-2"),
    ],
)
def test_a_mention_of_the_bot_is_cut_off_wherever_it_stands(transport, text, rest):
    lines, _out = transport

    _line, message = lines._parse(json.dumps({"chat": "a", "text": text}).encode())

    assert (message.text, message.is_to_bot) == (rest, rest != text)


async def test_what_was_done_is_on_record_before_its_message_counts_as_handled(transport, mocker):
    lines, _out = transport
    happened = mocker.Mock()
    mocker.patch.object(lines._records, "flush", happened.flush)
    mocker.patch.object(lines._handled, "add", happened.add)
    message = Message("m1", "a", Person(), "x", 0.0)
    assert lines._is_new(message)

    await lines.send("a", Reply("done", answers=message))
    await lines.acknowledge(message)
    await lines.aclose()

    assert happened.mock_calls == [mocker.call.flush(), mocker.call.add([("a", "unknown", "m1")])]


async def test_an_edit_repeats_the_id_of_what_it_edits(transport):
    lines, out = transport
    first = await lines.send("a", Reply("one"))
    second = await lines.send("a", Reply("two", edits=first, file_name="two.txt"))
    assert [message async for message in lines.messages()] == []
    assert await lines.aclose()

    assert first == second
    assert replies(os.read(out, 4096)) == [
        {"chat": "a", "text": "one", "reply_to": None, "id": first},
        {
            "chat": "a",
            "text": "two",
            "reply_to": None,
            "id": first,
            "edit": True,
            "file_name": "two.txt",
        },
    ]


async def test_text_that_is_none_leaves_as_json_all_the_same(transport):
    lines, out = transport
    message = Message("m", "a", Person(), "", 0.0)
    await lines.send("a", Reply("caf\udce9\0 é🙂\n", answers=message))
    lines.show_typing("a", is_typing=True)
    await lines.acknowledge(message)
    assert [each async for each in lines.messages()] == []
    assert await lines.aclose()

    written = os.read(out, 4096)
    assert written.count(b"\n") == 1
    assert json.loads(written)["text"] == "caf\udce9\0 é🙂\n"


def feed(process, text):
    """Write as much as is taken, then close."""
    with suppress(BrokenPipeError):
        process.stdin.write(text.encode())
    with suppress(BrokenPipeError):
        process.stdin.close()


def end(process):
    """Return exit status and stderr, with all pipes closed."""
    with suppress(BrokenPipeError):
        process.stdin.close()
    err = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    return process.wait(PATIENCE_S), err


def test_a_program_in_any_folder_finds_what_is_configured(config, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    ended = run_butler(
        "console", "--jsonl", "--config", config, text=line("/use api"), cwd=elsewhere
    )

    assert "*api*" in ended.stdout
    assert Path(config.parent / "data" / "sessions.sqlite3").exists()
