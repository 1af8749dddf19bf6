"""Answers to questions, as people type them."""

import pytest

from butler import Said, said


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "Yes.",
        "YES!",
        "*yes*",
        "“yes”",
        "‘Yes.’",
        "*yes*.",
        "_*yes*_",
        "ye\u200bs\u2060",
        "👍🏽",
    ],
)
def test_yes_is_understood_in_quotation_marks_and_mark_up(text):
    assert said(text, is_reaction=False) == Said("yes", None)


@pytest.mark.parametrize("text", ["12", "#12", "#12.", "*12*", "“#12”"])
def test_a_number_is_understood_in_quotation_marks_and_mark_up(text):
    assert said(text, is_reaction=False) == Said("12", None)


@pytest.mark.parametrize("text", ["no A3", "*no a3*", "*no* a3", "no `a3`.", "\u200eno a3"])
def test_a_code_is_understood_in_mark_up(text):
    assert said(text, is_reaction=False) == Said("no", "a3")


@pytest.mark.parametrize(
    "text", ["yes?", "~yes~", "yes…", "yes, go on", "#yes", "0", "100", "yes no", "“”", ""]
)
def test_what_may_mean_something_else_is_no_answer(text):
    assert said(text, is_reaction=False) is None
