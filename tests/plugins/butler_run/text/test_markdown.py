"""What a phone shows of an agent's Markdown."""

import time

import pytest

from butler_run.text.markdown import clean, printed, shortened, tail, whatsapp

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
        ("<b>x</b> <i>y</i><br>z", "*x* _y_\nz"),
        ("<div>\nx\n</div>", "x"),
        ("<details><summary>Log</summary>\nline\n</details>", "*Log*\nline"),
        ("<details><summary>Log</summary>line</details>", "*Log*\nline"),
        ("See <details><summary>Log</summary>line</details>", "See *Log*\nline"),
        ("a <!-- a note --> b", "a  b"),
        ("<!-- a note -->\n\nb", "b"),
        ("1 < 2 and Vec<String>", "1 < 2 and Vec<String>"),
        (
            "| Name | What it does |\n|---|---|\n"
            "| api | serves everything that phones ask for |\n| web | x |",
            "*Name*: api\n*What it does*: serves everything that phones ask for\n\n"
            "*Name*: web\n*What it does*: x",
        ),
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


def test_a_text_nested_beyond_measure_stays_as_it_is():
    text = "*" * 1_490 + "a" + "*" * 1_490

    assert whatsapp(text) == text


def test_a_table_of_more_cells_than_a_phone_could_show_stays_as_it_is():
    text = "|a" * 1_500 + "\n" + "|-" * 1_500 + "\n|" * 1_000

    assert whatsapp(text).startswith("|a|a")


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("+ new\n# c\n  x __init__", "+ new\n# c\n  x __init__"),
        ("10 %\r50 %\r100 %\nok\n", "100 %\nok"),
        ("a\r\nb\r\n", "a\nb"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07end", "red end"),
        ("\x07\u202ebell", "bell"),
    ],
)
def test_what_a_program_printed_is_shown_as_a_terminal_ends_up_with(output, shown):
    assert printed(output) == shown
