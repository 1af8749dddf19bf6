"""WhatsApp's mark-up in pieces."""

import re

import pytest

from butler.web.markup import LONGEST, pieces


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("plain", [("", "plain")]),
        ("on *demo*, now", [("", "on "), ("strong", "demo"), ("", ", now")]),
        ("_a_ ~b~ `c d`", [("em", "a"), ("", " "), ("s", "b"), ("", " "), ("code", "c d")]),
        ("a\n```\nx = *p*\n```\nb", [("", "a\n"), ("pre", "x = *p*"), ("", "\nb")]),
        ("2*3*4 snake_case_name a * b *", [("", "2*3*4 snake_case_name a * b *")]),
        ("```open", [("", "```open")]),
        ("* no *\n*a\nb*", [("", "* no *\n*a\nb*")]),
    ],
)
def test_a_text_is_shown_as_on_a_phone(text, found):
    assert pieces(text) == found


@pytest.mark.parametrize(
    "text", ["<b>*x*</b>", "*<img>* `</code>`", "```</pre>```", "***", "`" * 9]
)
def test_what_is_no_mark_up_is_not_lost(text):
    shown = "".join(piece for _kind, piece in pieces(text))

    assert re.sub("[*`]", "", shown) == re.sub("[*`]", "", text)


def test_a_very_long_text_is_left_as_it_is():
    text = "*a* " * LONGEST

    assert pieces(text) == [("", text)]
