"""Complaints of agents become sentences with the way out."""

import time

import pytest

from butler_run.agents.complaints import explained, with_clock_times

LOGIN = "Claude is not logged in on this machine: run `claude` there and type /login."


@pytest.mark.parametrize(
    ("program", "said", "variables", "sentence"),
    [
        ("claude", "Invalid API key · Please run /login", (), LOGIN),
        ("claude-agent-acp", "Internal error: OAuth token has expired", (), LOGIN),
        ("claude", "Failed to authenticate. API Error: 401", (), LOGIN),
        ("claude", "Internal error: Your credentials have expired", (), LOGIN),
        ("claude", "Internal error: refresh token was revoked; expired access token", (), LOGIN),
        ("claude", "Internal error: request failed with status code 401", (), LOGIN),
        (
            "claude",
            "Invalid API key · Fix external API key",
            ("ANTHROPIC_API_KEY",),
            "The key in ANTHROPIC_API_KEY was refused.",
        ),
        (
            "codex-acp",
            "Authentication required",
            (),
            "Codex is not logged in on this machine: run `codex login` there.",
        ),
        (
            "gemini",
            "API key not valid. Please pass a valid API key.",
            ("GEMINI_API_KEY",),
            "The key in GEMINI_API_KEY was refused.",
        ),
        (
            "claude",
            "API Error: 529 Overloaded",
            (),
            "The model of Claude is overloaded at the moment.",
        ),
        ("claude", "Credit balance is too low", (), "The account of Claude has no credit left."),
        ("opencode", "insufficient_quota", (), "The account of OpenCode has no credit left."),
    ],
)
def test_a_complaint_that_is_known_is_said_in_the_users_words(program, said, variables, sentence):
    assert explained(program, said, variables) == sentence


@pytest.mark.parametrize(
    "said",
    [
        "API Error: 403 Butler: example.org is not on this repo's network list.",
        "The file login.py was not found.",
        "",
    ],
)
def test_other_complaints_stay_as_they_are(said):
    assert explained("claude", said) is None


def test_the_end_of_a_limit_is_a_clock_time():
    now = time.mktime((2026, 11, 28, 13, 10, 0, 0, 0, -1))
    said = f"Claude AI usage limit reached|{now + 6_600:.0f}"
    tomorrow = f"5-hour limit reached|{now + 86_400:.0f}"

    assert with_clock_times(said, now) == (
        "Claude AI usage limit reached; it resets at 2026-11-28 15:00 (in 1 h 50 min)"
    )
    assert with_clock_times(tomorrow, now).endswith("it resets at 2026-11-29 13:10 (in 1 day)")
    assert with_clock_times(said, now + 6_600).endswith("; it reset at 2026-11-28 15:00")


@pytest.mark.parametrize(
    "said", ["Usage limit|{}", "Claude usage limit reached|{}000", "limit |{}"]
)
def test_the_end_of_a_limit_is_understood_in_every_form(said):
    now = time.mktime((2026, 11, 28, 13, 10, 0, 0, 0, -1))

    assert with_clock_times(said.format(int(now) + 6_600), now).endswith(
        "; it resets at 2026-11-28 15:00 (in 1 h 50 min)"
    )
