"""What is shown of an answer, and what of it must not be."""

import pytest

from butler_run.runs.output import MAX_KEPT, SHOWN, Output
from butler_run.text.redaction import Redactor

TOKEN = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize("is_output", [True, False])
@pytest.mark.parametrize("position", range(SHOWN - 60, SHOWN + 10, 7))
def test_a_secret_on_the_edge_of_what_is_shown_is_hidden_whole(is_output, position):
    output = Output(is_output=is_output, hide=Redactor().redacted)
    output.add("x" * position + " " + TOKEN + " " + "y" * position)

    shown, is_all = output.shown()

    assert "a1B2" not in shown
    assert not is_all


@pytest.mark.parametrize("text", ["+ new\n- old", "# c", "  x __init__", "a ``` b"])
def test_what_a_program_prints_is_no_markdown(text):
    output = Output(is_output=True)
    output.add(f"{text}\n")

    assert output.shown() == (f"```\n{text}\n```".replace("a ``` b", "a ''' b"), True)


def test_an_output_that_fills_the_space_is_not_cut_and_one_character_more_is():
    output = Output()
    output.add("x" * (MAX_KEPT - 1))
    output.add("y")
    assert not output.is_cut
    assert output.full().endswith("xy")

    output.add("z")
    assert output.is_cut
    assert output.full().endswith("xy\n\n(The rest was cut off.)")


def test_an_excerpt_leaves_room_for_the_text_next_to_it():
    output = Output()
    output.add("word " * (SHOWN // 5 - 2))

    assert output.shown() == (output.full(), True)
    shown, is_complete = output.shown(beside=SHOWN // 2)
    assert len(shown) <= SHOWN // 2
    assert not is_complete
