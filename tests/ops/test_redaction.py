import re
from pathlib import Path

import pytest

from butler.ops.redaction import Redaction


@pytest.fixture
def redaction():
    names = {"Backend team": "chat", "web": "repo", "web-app": "repo", "x": "repo"}
    return Redaction(names, Path("/home/anna"))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("120363405395407771@g.us: /use done", "<id H>: /use done"),
        ("from 4915112345678:3@s.whatsapp.net", "from <id H>"),
        ("owner 123456789@lid", "owner <id H>"),
        ("person +4915112345678 is refused", "person <number H> is refused"),
        ("person +49 151 123-456-78", "person <number H>"),
        ("4915112345678 called", "<number H> called"),
        ("anna@example.org wrote", "<address H> wrote"),
        ("message 3EB0A1B2C3D4E5F60718 late", "message <message H> late"),
        ("chat Backend team is set aside", "chat <chat H> is set aside"),
        ("web-app and web, not cobweb", "<repo H> and <repo H>, not cobweb"),
        ("/home/anna/butler/config.toml", "~/butler/config.toml"),
        ("it said “drop the tables now”", "it said <19 characters>"),
        ("found \"abc\" and 'd'", "found <3 characters> and <1 characters>"),
        (
            '{"level": "INFO", "chat": "120363405395407771@g.us", "text": "/run \'x\' in 5 ms"}',
            "level=INFO chat=<id H> text=/run <1 characters> in 5 ms",
        ),
        ('{"level": ', "{<5 characters>: "),
        ("redis://:hunter2@host:6379/0", "redis://<secret>host:6379/0"),
        ("key sk-ant-api03-abcdefghijkl refused", "key <secret> refused"),
        ("2026-11-28 05:40:11,123 INFO butler 17 ms", "2026-11-28 05:40:11,123 INFO butler 17 ms"),
        ("port 34521, process 12345, 10,000 bytes", "port 34521, process 12345, 10,000 bytes"),
    ],
)
def test_who_and_where_become_hashes_and_the_rest_stays(redaction, text, shape):
    assert re.sub(r"(?<= )h[0-9a-f]{7}(?=>)", "H", redaction.line(text)) == shape


def test_the_same_is_the_same_hash_within_a_report_and_another_one_in_the_next(redaction):
    first, again = redaction.lines(["+4915112345678", "+4915112345678"])

    assert first == again
    assert first != redaction.line("+4915112345679")
    assert first != Redaction({}, Path("/")).line("+4915112345678")


def test_a_line_without_end_is_cut(redaction):
    assert len(redaction.line("x" * 100_000)) == 2_000


@pytest.mark.parametrize(
    "secret",
    [
        "r://hunter2-hunter2-hunter2@example.org",
        "sk-" + "a1b2c3" * 20,
        "anna.musterfrau@example.org",
        "4915112345678@s.whatsapp.net",
        "“drop the tables now, all of them”",
    ],
)
@pytest.mark.parametrize("seen", [6, 9, 20])
def test_what_is_cut_off_is_hidden_before(redaction, secret, seen):
    begin = "- " * ((2_000 - seen) // 2)

    shown = redaction.line(f"{begin}{secret}")

    assert secret[:seen] not in shown


def test_a_long_quotation_is_hidden_whole(redaction):
    assert redaction.line(f"it said “{'drop it ' * 100}”") == "it said <800 characters>"


def test_no_hash_is_taken_for_a_number_in_its_turn():
    for _ in range(300):
        said = Redaction({}, Path("/")).line("message 3EB0A1B2C3D4E5F60718")
        assert re.fullmatch(r"message <message h[0-9a-f]{7}>", said)
