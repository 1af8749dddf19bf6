"""What agents say of their retries, and before they can start."""

import pytest

from butler_run.agents.delays import delay_in, delay_of_claude, runner_of


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "API Error (529 overloaded_error) · Retrying in 5 seconds… (attempt 3/10)",
            "the model is overloaded, tries again 3 of 10 in 5 s",
        ),
        (
            "Attempt 1 failed with status 429. Retrying with backoff...",
            "the rate limit is reached, tries again",
        ),
        (
            "stream error: connection closed; retrying 2/5 in 3s…",
            "the model cannot be reached, tries again 2 of 5 in 3 s",
        ),
        ("Reconnecting... 1/5", "the model cannot be reached, tries again 1 of 5"),
        ("502 Bad Gateway, will try again in 200ms", "the model's server fails, tries again"),
        ("Retrying after 2m", "a request failed, tries again in 2 min"),
    ],
)
def test_a_retry_in_a_log_is_understood(line, said):
    delay = delay_in(line)

    assert delay is not None
    assert delay.reason == said


@pytest.mark.parametrize("line", ["", "server overloaded", "compiled in 3 s", "entry 3/10"])
def test_other_lines_are_no_retries(line):
    assert delay_in(line) is None


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            {"attempt": 1, "max_retries": 10, "retry_delay_ms": 600, "error_status": 529},
            "the model is overloaded, tries again 1 of 10",
        ),
        (
            {"attempt": 2, "max_retries": 10, "retry_delay_ms": 9000, "error_status": None},
            "the model cannot be reached, tries again 2 of 10 in 9 s",
        ),
        ({"error_status": 500, "error": "server_error"}, "the model's server fails, tries again"),
        ({"error_status": 400, "error": "unknown"}, "a request failed, tries again"),
    ],
)
def test_a_retry_of_claude_is_understood(message, said):
    assert delay_of_claude(message).reason == said


@pytest.mark.parametrize(
    ("command", "runner"),
    [
        (("npx", "-y", "some-agent"), "npx"),
        (("/usr/bin/npx", "some-agent"), "npx"),
        (("pnpm", "dlx", "some-agent"), "pnpm"),
        (("uvx", "some-agent"), "uvx"),
        (("claude", "-p"), ""),
    ],
)
def test_what_downloads_an_agent_first_is_known(command, runner):
    assert runner_of(command) == runner
