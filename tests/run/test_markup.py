"""What a phone shows of an agent's Markdown."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butler_run.markup import Redactor, clean, shortened, tail, whatsapp

# One second, times what it costs to measure coverage.
SECONDS = 3.0


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("**bold** and __bold__", "*bold* and *bold*"),
        ("*it* and _it_", "_it_ and _it_"),
        ("***both***", "_*both*_"),
        ("~~gone~~", "~gone~"),
        ("**two\nlines**", "*two*\n*lines*"),
        ("# A **big** title", "*A big title*"),
        ("Title\n=====\ntext", "*Title*\n\ntext"),
        ("`code *x*`", "`code *x*`"),
        ("```python\nx = '*'\n```", "```\nx = '*'\n```"),
        ("~~~\na ``` b\n~~~", "```\na ''' b\n```"),
        ("    indented", "```\nindented\n```"),
        ("[text](https://a.example/b)", "text (https://a.example/b)"),
        ("[https://a.example](https://a.example)", "https://a.example"),
        ("<https://a.example>", "https://a.example"),
        ("<me@a.example>", "me@a.example"),
        ("![alt](pic.png)", "alt (pic.png)"),
        ("* a\n* b\n    * c", "- a\n- b\n  - c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("- a\n\n  ```\n  x\n  ```", "- a\n```\nx\n```"),
        ("> a\n> b\n>\n> c", "> a\n> b\n> \n> c"),
        ("| a | **b** |\n|---|---|\n| long | x |", "```\na     b\n----  -\nlong  x\n```"),
        ("a\n\n---\n\nb", "a\n\n———\n\nb"),
        ("<b>x</b>", "<b>x</b>"),
        ("<div>\nx\n</div>", "<div>\nx\n</div>"),
        ("a  \nb\nc", "a\nb\nc"),
        ("snake_case and 2 * 3 * 4", "snake_case and 2 * 3 * 4"),
        (r"\*not bold\*", "*not bold*"),
        ("", ""),
    ],
)
def test_markdown_becomes_what_whatsapp_shows(markdown, shown):
    assert whatsapp(markdown) == shown


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\x00b\x07c\x7f\x9b", "abc"),
        ("a\u202eb\u2066c", "abc"),
        ("tab\tand 👩\u200d💻 stay", "tab\tand 👩\u200d💻 stay"),
    ],
)
def test_control_characters_are_stripped(text, kept):
    assert clean(text) == kept


@pytest.mark.parametrize("unit", ["*", "[", "`", "![", "> ", "*a_", "|a|b|\n|-|-|\n", "\x1b]"])
def test_hostile_markdown_takes_no_time(unit):
    began_at = time.process_time()

    whatsapp((unit * 1_000_000)[:1_000_000])

    assert time.process_time() - began_at < SECONDS


def test_the_rest_of_a_long_text_is_kept_as_it_is():
    shown = whatsapp("**a**\n\n" * 4_000)

    assert shown.startswith("*a*\n\n*a*")
    assert shown.endswith("**a**")


def test_a_short_text_stays_as_it_is():
    assert shortened("short", 1200) == "short"


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("aaaa bbbb cccc dddd", 18, "aaaa bbbb …"),
        ("aaaa bbbb\n\ncccc dddd eeee", 22, "aaaa bbbb …"),
        ("x" * 30, 20, "x" * 14 + " …"),
        ("```\n1\n2\n3\n4\n5\n6\n7\n8\n```", 18, "```\n1\n2\n3\n4\n```\n…"),
        ("```\n1\n```\n\n" + "y" * 30, 22, "```\n1\n```\n…"),
    ],
)
def test_a_long_text_is_cut_with_its_fences_closed(text, limit, kept):
    assert shortened(text, limit) == kept
    assert len(kept) <= limit


TOKENS = [
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2_" * 8,
    "sk-ant-api03-" + "a1-B2_" * 8,
    "sk-proj-" + "a1B2" * 9,
    "AKIA" + "ABCD1234" * 2,
    "xoxb-" + "1234567890-abc",
    "AIza" + "a1B2c" * 7,
    "ya29." + "a1B2" * 9,
    "npm_" + "a1B2" * 9,
    "pypi-" + "AgEI" * 20,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.a1b2-c3",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nunfinished",
    "hunter2-hunter2",
    "a value\nof lines",
]


@pytest.fixture
def redactor():
    return Redactor(["hunter2-hunter2", "a value\nof lines", "abc", ""])


@pytest.mark.parametrize("token", TOKENS)
def test_a_secret_is_hidden(redactor, token):
    assert redactor.redacted(f"key={token}") == "key=•••"


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_secret_in_pieces_is_hidden(redactor, token, size):
    text = f"the key={token}"

    shown = [redactor.feed(text[at : at + size]) for at in range(0, len(text), size)]

    assert "".join(shown) + redactor.flush() == "the key=•••"


@pytest.mark.parametrize(
    "text",
    ["a task-force-of-many-good-people", "abc", "eyJ.eyJ", "sk-short", "AKIA1234", "eyJ" * 9],
)
def test_what_is_no_secret_is_shown(redactor, text):
    assert redactor.redacted(text) == text


@given(st.lists(st.text(alphabet="ab c\n-", max_size=9)))
def test_a_text_without_secrets_comes_out_as_it_went_in(pieces):
    redactor = Redactor(["a value\nof lines"])

    assert "".join([*map(redactor.feed, pieces), redactor.flush()]) == "".join(pieces)


def test_a_word_without_end_is_not_held_for_ever():
    redactor = Redactor()

    assert len(redactor.feed("x" * 70_000)) == 70_000


@pytest.mark.parametrize(
    "unit",
    ["eyJ", "-----BEGIN ", "sk-", "eyJaaaaaaaaa.", "ghp_", "-----BEGIN RSA PRIVATE KEY-----"],
)
def test_hostile_text_is_searched_in_no_time(unit):
    began_at = time.process_time()

    Redactor(["some value"]).redacted((unit * 1_000_000)[:1_000_000])

    assert time.process_time() - began_at < SECONDS


@pytest.mark.parametrize(
    ("text", "limit", "end"),
    [
        ("short", 10, "short"),
        ("first line\nsecond line\nlast line", 24, "…\nlast line"),
        ("```\na long line\nb\nc\n```\nend", 22, "…\n```\nb\nc\n```\nend"),
        ("x" * 100, 20, "…\n" + "x" * 14),
    ],
)
def test_the_end_of_a_text_is_cut_at_a_line_and_keeps_its_fences(text, limit, end):
    assert tail(text, limit) == end
    assert len(end) <= limit
