"""Whatever people, agents and repos write, reading it takes time in proportion to its length."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from butler import UserError, said
from butler.chat.text import readable, tidied, without_controls
from butler.config.secrets import lines_with_secrets
from butler.core.commands import _next_words
from butler.core.router import Router
from butler.ops.redaction import Redaction
from butler.testing import make_message
from butler.transports.console.terminal import styled
from butler.transports.console.typed import OWN_MENTIONS
from butler_run.agents import Decision, Field, FieldKind, PlanProposed
from butler_run.agents.complaints import is_too_long
from butler_run.agents.delays import delay_in
from butler_run.agents.restated import Restated
from butler_run.agents.usage_limits import limit_in
from butler_run.inquiries.forms import Answer, FieldForm, PlanForm
from butler_run.permissions.details import visible
from butler_run.text.html import without_tags
from butler_run.text.markdown import clean, printed, whatsapp
from butler_run.text.plain import in_one_line, quoted
from butler_run.text.redaction import Redactor

SMALL, LARGE = 8_000, 64_000
GENEROUS = 3
"""How many times more than in proportion the larger text may take, on a busy machine."""

NOISE_S = 0.05
REDACTOR = Redactor(["hunter2-hunter2"])
ROUTER = Router([])

FIELD = FieldForm(Field("k", "q", FieldKind.CHOICE, takes_text=True, is_many=True), 1, 1)
PLAN = PlanForm(PlanProposed("p", "plan"), may_edit=True)


def _parsed(form: FieldForm | PlanForm, text: str) -> Answer:
    try:
        return form.parse(text)
    except UserError:
        return Answer(decision=Decision.NO)


def _without_mentions(text: str) -> str:
    return OWN_MENTIONS.removed(make_message(text)).text


def _streamed(text: str) -> None:
    """Take in an answer of an agent in pieces of two characters."""
    answer = Restated()
    for start in range(0, len(text), 2):
        piece = text[start : start + 2]
        if not answer.is_all_of(piece):
            answer.add(piece)


READERS: dict[str, tuple[Callable[[str], object], str]] = {
    "answers": (lambda text: said(text, is_reaction=False), "yes no1.! \t"),
    "reactions": (lambda text: said(text, is_reaction=True), "\U0001f44d\ufe0f\U0001f3fb "),
    "commands": (ROUTER.route, "/a@.,; \u200b\u2060-"),
    "foreign commands": (ROUTER.foreign, "/a:.!? \u200b\u2060-"),
    "words": (_next_words, "a \"'\u201c\u201d\u00ab"),
    "single words": (tidied, '*_~`"a.\u200b'),
    "mentions": (_without_mentions, "@bot \n,a"),
    "names": (readable, "a*_ \u200d\ufe0f"),
    "controls": (without_controls, "\r\n\x00\u202ea"),
    "terminal": (styled, "*_ a\n"),
    "tokens": (REDACTOR.redacted, "eyJ_.-sk ghp_A1"),
    "keys": (REDACTOR.redacted, "-----BEGIN A PRIVATE KEY-----END\n"),
    "keys in questions": (REDACTOR.without_keys, "-----BEGIN A PRIVATE KEY-----END\n aA1+/="),
    "characters in questions": (visible, "a\u202e\t\n"),
    "written secrets": (lambda text: list(lines_with_secrets(text)), "://a:b@ eyJ.-\n"),
    "escapes": (clean, "\x1b[0;1m]\x07\\\r\n"),
    "printed": (printed, "\x1b[0;1m]\x07\\\r\n"),
    "html": (without_tags, '<!-- b>/a "='),
    "markdown": (whatsapp, "*_~`|-[]()!<>#\n a"),
    "answers to agents": (lambda text: _parsed(FIELD, text), "1 2,;and.+&"),
    "decisions on plans": (lambda text: _parsed(PLAN, text), "3no because,.:;–- "),
    "quotations": (lambda text: quoted(text, 20, 1_500), "*_~`\n a>"),
    "labels": (lambda text: in_one_line(text, 100), "*_~`\n a>"),
    "usage limits": (limit_in, "limit reached|1 try again in 2h3m 429 hit your exceed"),
    "retries": (delay_in, "retrying in 1.5 s after attempt 3/4 "),
    "reports": (Redaction({"api": "repo"}, Path("/home/a")).line, "“'\"a@b.c://+1 eyJ3EB0"),
    "streamed answers": (_streamed, "ab \n"),
    "full contexts": (is_too_long, "context length exceed token count too long"),
}


def _seconds(read: Callable[[str], object], text: str) -> float:
    """Return the processor time of the quickest of three readings."""
    times = []
    for _ in range(3):
        began_at = time.process_time()
        read(text)
        times.append(time.process_time() - began_at)
    return min(times)


def _assert_linear(read: Callable[[str], object], unit: str, end: str) -> None:
    small_s, large_s = (_seconds(read, (unit * size)[:size] + end) for size in (SMALL, LARGE))
    assert large_s <= GENEROUS * (LARGE / SMALL) * small_s + NOISE_S


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
def test_reading_takes_time_in_proportion_to_the_text(name, data):
    read, alphabet = READERS[name]
    piece = st.one_of(st.text(alphabet, min_size=1, max_size=8), st.just(alphabet))

    _assert_linear(read, data.draw(piece), data.draw(piece))


@pytest.mark.parametrize(
    ("name", "unit", "end"),
    [
        ("answers", " ", "xx"),
        ("answers", "yes ", "xx"),
        ("tokens", "_eyJaaaaaaaa", ""),
        ("tokens", "eyJaaaaaaaa.", "x"),
        ("commands", ".", "x"),
        ("commands", "\u200b", "x"),
        ("answers to agents", "1 ", "x"),
        ("decisions on plans", "3 ", "x"),
        ("usage limits", "hit your ", ""),
        ("keys in questions", "-----BEGIN ", "PRIVATE KEY-----"),
        ("keys in questions", "a: -----BEGIN PRIVATE KEY-----", "x"),
        ("keys in questions", "eyJaaaaaaaa.", "x"),
        ("streamed answers", "a ", ""),
        ("html", "<!--", ""),
        ("html", "<a ", ""),
        ("escapes", "\x1b]0", ""),
        ("markdown", "*", "a"),
        ("markdown", "|a", "\n|-|-"),
        ("markdown", "![", ""),
    ],
)
def test_what_once_froze_is_read_in_proportion(name, unit, end):
    _assert_linear(READERS[name][0], unit, end)


@pytest.mark.parametrize("text", ["yes" + " " * 130_000 + "xx", "/a@" + "." * 1_000_000 + "x"])
def test_a_long_text_that_begins_like_an_answer_or_a_call_is_neither(text):
    assert said(text, is_reaction=False) is None
    assert ROUTER.route(text) is None
