"""Text and figures made fit for a sentence."""

import pytest

from butler.chat.text import ago, duration, fenced, listed


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (130, "2 min 10 s"),
        (1_800, "30 min"),
        (3_605, "1 h"),
        (3_900, "1 h 5 min"),
        (7_201, "2 h"),
        (86_400, "1 day"),
        (273_600, "3 days 4 h"),
    ],
)
def test_a_duration_has_one_or_two_units(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "just now"),
        (0.9, "just now"),
        (12.7, "12 s ago"),
        (119, "1 min ago"),
        (7_300, "2 h ago"),
        (90_000, "1 day ago"),
        (259_200, "3 days ago"),
    ],
)
def test_how_long_ago_has_one_unit(seconds, said):
    assert ago(seconds) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (["a", "b", "c"], "a, b and 1 more"),
        (map(str, range(2_000)), "0, 1 and 1,998 more"),
    ],
)
def test_a_long_list_is_cut_and_says_how_many_more_there_are(names, said):
    assert listed(names, 2) == said


def test_a_list_can_stand_on_lines_of_its_own():
    said = listed(["• a", "• b", "• c"], 2, joint="\n", last_joint="\n• ")

    assert said == "• a\n• b\n• 1 more"


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("x = 1", "```\nx = 1\n```"),
        ("x = 1\n\n", "```\nx = 1\n```"),
        ("``` inside ```", "```\n''' inside '''\n```"),
    ],
)
def test_a_block_of_code_ends_where_its_text_ends(text, block):
    assert fenced(text) == block
