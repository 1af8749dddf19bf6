"""What is shown of an answer, and what of it must not be."""

import pytest

from butler_run.runs.output import SHOWN, Output
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
