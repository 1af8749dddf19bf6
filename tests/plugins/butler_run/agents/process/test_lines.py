"""Bytes become lines, and events pieces of a handy size, whatever the pieces are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butler_run.agents import Finished, LimitReachedError, Reason, Text, Tool, Working
from butler_run.agents.process.lines import LineSplitter
from butler_run.agents.text import MAX_TEXT_CHARS, coalesced


def _lines(pieces, max_bytes=1000):
    splitter = LineSplitter(max_bytes)
    return [*(line for piece in pieces for line in splitter.feed(piece)), *splitter.rest()]


@given(st.lists(st.text("aä€🙂\n", max_size=8)), st.integers(1, 5))
def test_lines_are_the_same_however_they_are_cut(texts, size):
    data = "\n".join(texts).encode()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]

    lines = data.decode().split("\n")
    assert _lines(pieces) == (lines if lines[-1] else lines[:-1])


def test_what_is_no_utf_8_is_replaced():
    assert _lines([b"a\xff", b"b\n\xe2\x82"]) == ["a\ufffdb", "\ufffd"]


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 6, b"x" * 5], [b"a\n", b"x" * 11]])
def test_a_line_may_not_grow_beyond_its_limit(pieces):
    with pytest.raises(LimitReachedError, match="a line of more than"):
        _lines(pieces, max_bytes=10)


def test_many_short_lines_are_within_the_limit():
    assert len(_lines([b"x" * 6 + b"\n" + b"x" * 6 + b"\n"] * 5, max_bytes=10)) == 10


def test_texts_next_to_each_other_become_one():
    tool, done = Tool("t", "Look"), Finished(Reason.DONE)
    events = [Text("a"), Text("b"), tool, Text("c"), Working(), done]

    assert list(coalesced(events)) == [Text("ab"), tool, Text("c"), Working(), done]


@given(st.lists(st.integers(0, 3 * MAX_TEXT_CHARS), max_size=6))
def test_no_text_is_long_and_none_is_lost(sizes):
    texts = [Text(str(number % 10) * size) for number, size in enumerate(sizes)]

    pieces = [event.text for event in coalesced(texts)]

    assert "".join(pieces) == "".join(each.text for each in texts)
    assert all(0 < len(piece) <= MAX_TEXT_CHARS for piece in pieces)
