"""Long texts in parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butler.transports.whatsapp.daemon.splitting import (
    LEFT_OUT,
    MOST_PARTS,
    bounded,
    bounded_document,
    fewer,
    parts,
)
from butler.transports.whatsapp.protocol.codec import MAX_FRAME_BYTES, encoded
from butler.transports.whatsapp.protocol.frames import MAX_DOCUMENT_BYTES, MAX_TEXT_CHARS, Send


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short", 10, ["short"]),
        ("", 10, [""]),
        ("one\n\ntwo\n\nthree", 9, ["one\n\ntwo", "three"]),
        ("one\ntwo\nthree", 8, ["one\ntwo", "three"]),
        ("one two three", 8, ["one two", "three"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("😀😀😀", 4, ["😀😀", "😀"]),
        ("text\n```\na\nb\n```\nmore", 12, ["text", "```\na\nb\n```", "more"]),
        (
            "```py\naaaa\nbbbb\ncccc\n```",
            20,
            ["```py\naaaa\nbbbb\n```", "```py\ncccc\n```"],
        ),
        ("```\naaaa\nbbbb\ncccc", 17, ["```\naaaa\n```", "```\nbbbb\ncccc\n```"]),
        (
            "``` one long first line of code\nx\n```",
            20,
            ["```\n one long\n```", "```\nfirst line\n```", "```\nof code\nx\n```"],
        ),
        ("  indented\n\n  again", 12, ["  indented", "  again"]),
        (
            "as here: ```\naaaa\nbbbb\ncccc\n```",
            20,
            ["as here: ", "```\naaaa\nbbbb\n```", "```\ncccc\n```"],
        ),
        (
            "`` `` `` `😀```😀😀😀",
            20,
            ["`` `` `` `😀", "```\n😀😀😀\n```"],
        ),
    ],
)
def test_a_text_is_split_where_it_reads_best(text, limit, expected):
    assert parts(text, limit) == expected


@given(
    st.text(st.sampled_from("ab `\n😀"), max_size=300) | st.text(max_size=200),
    st.integers(20, 60),
)
def test_no_part_is_too_long_and_no_word_is_lost(text, limit):
    found = parts(text, limit)

    assert all(len(part.encode("utf-16-le", "surrogatepass")) // 2 <= limit for part in found)
    kept, given_ = ("".join("".join(each).replace("`", "").split()) for each in (found, text))
    assert kept == given_


@given(st.lists(st.sampled_from(["word " * 5, "```", "```py", "x = 1", ""]), max_size=40))
def test_every_code_block_is_closed_in_its_own_part(lines):
    text = "\n".join(lines)
    if sum(line.startswith("```") for line in lines) % 2:
        text += "\n```"

    assert all(part.count("```") % 2 == 0 for part in parts(text, 60))


def test_a_text_without_end_is_cut_and_says_so():
    whole = "😀" * MAX_TEXT_CHARS

    assert bounded(whole) == whole
    assert bounded(whole + "x") == f"{whole[: -len(LEFT_OUT) - 2]}\n\n{LEFT_OUT}"


@pytest.mark.parametrize("character", ["x", "ä", "😀", "\n", "\x01"])
def test_a_document_of_16_mb_is_whole_and_fits_into_a_frame(character):
    whole = character * (MAX_DOCUMENT_BYTES // len(character.encode()))
    request = Send("1", "team@g.us", bounded_document(whole), file_name="a.txt")

    assert request.text == whole
    assert len(encoded(request)) < MAX_FRAME_BYTES
    cut = bounded_document(whole + character)
    assert cut.endswith(f"\n\n{LEFT_OUT}")
    assert len(cut.encode()) <= MAX_DOCUMENT_BYTES


def test_so_many_parts_are_sent_and_no_more():
    pieces = list("abcdefghij")

    assert len(pieces) == MOST_PARTS
    assert fewer(pieces) == pieces
    assert fewer([*pieces, "k"]) == [*"abcdefghi", LEFT_OUT]
