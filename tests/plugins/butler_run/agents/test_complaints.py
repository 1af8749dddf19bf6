"""Complaints of agents become sentences with the way out."""

import time

import pytest

from butler_run.agents.complaints import explained, is_error_alone, with_clock_times

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
        ("claude", "Internal error: 401 Unauthorized", (), LOGIN),
        ("claude", "Internal error: HTTP 401", (), LOGIN),
        ("claude", "Internal error: status: 401", (), LOGIN),
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


@pytest.mark.parametrize(
    "answer",
    [
        "API Error: 529 Overloaded. This is a server-side issue, usually temporary.",
        'API Error: 529 {"type":"error","error":{"type":"overloaded_error"}}\n',
        'API Error: 500 {\n  "type": "error"\n}',
        "API Error (529)",
        "API Error: Repeated 529 Overloaded errors",
        "API Error: Connection error.",
        "API Error: 403 · Please run /login",
        "Failed to authenticate. API Error: 401 {}",
        "Please run /login",
        "Invalid API key · Please run /login",
        "Not logged in · Please run /login",
        "OAuth token has expired · Please run /login",
        "Credit balance is too low",
        "Prompt is too long",
        "Claude AI usage limit reached|1795824000",
        "You've hit your session limit · resets 3pm",
    ],
)
def test_an_answer_that_is_nothing_but_an_error_is_known(answer):
    assert is_error_alone(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "API Error: 529 means that the model is overloaded.",
        "API Error: 529 Overloaded\n\nThis line of your log comes from a retry.",
        "API Error: 404 is what the client returns now; I have changed the test.",
        "API errors are retried now.",
        "Please run /login in the terminal, then I can go on with the deployment.",
        "Not logged in users now see the landing page.",
        "Invalid API key is now a sentence of its own.",
        "The log says: API Error: 529 Overloaded",
        "API Error: 529 Overloaded " + "x" * 5_000,
    ],
)
def test_an_answer_about_an_error_is_an_answer(answer):
    assert not is_error_alone(answer)
