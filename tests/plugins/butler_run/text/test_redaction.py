"""What must not be read in a chat is hidden."""

import time

import pytest

from butler_run.text.redaction import Redactor

# One second, times what it costs to measure coverage.
SECONDS = 3.0

TOKENS = [
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2_" * 8,
    "sk-ant-api03-" + "a1-B2_" * 8,
    "sk-proj-" + "a1B2" * 9,
    "AKIA" + "ABCD1234" * 2,
    "xoxb-" + "1234567890-abc",
    "AIza" + "a1B2c" * 7,
    "ya29." + "a1B2" * 9,
    "npm_" + "a1B2" * 9,
    "pypi-" + "AgEI" * 20,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.a1b2-c3",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nunfinished",
    "hunter2-hunter2",
    "a value\nof lines",
]


@pytest.fixture
def redactor():
    return Redactor(["hunter2-hunter2", "a value\nof lines", "abc", ""])


@pytest.mark.parametrize("token", TOKENS)
def test_a_secret_is_hidden(redactor, token):
    assert redactor.redacted(f"key={token}") == "key=•••"


@pytest.mark.parametrize(
    "text",
    ["a task-force-of-many-good-people", "abc", "eyJ.eyJ", "sk-short", "AKIA1234", "eyJ" * 9],
)
def test_what_is_no_secret_is_shown(redactor, text):
    assert redactor.redacted(text) == text


TOKEN = "ghp_" + "a" * 36
KEY = "Ab1/" * 16


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rm -rf ~", "rm -rf ~"),
        (TOKEN, "(40 characters are hidden)"),
        (f"+ export TOKEN='{TOKEN}';", "+ export TOKEN='(40 characters are hidden)';"),
        (f'  "token": "{TOKEN}",', '  "token": "(40 characters are hidden)",'),
        ("KEY=some value", "KEY=(10 characters are hidden)"),
        (f"sh {TOKEN}", None),
        (f"TOKEN={TOKEN} rm -rf ~", None),
        (f"echo {TOKEN}; rm -rf ~", None),
        ("echo some value", None),
        (
            f"-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: A\n\n{KEY}\n{KEY}\nrm -rf ~",
            "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: A\n\n(128 characters are hidden)\nrm -rf ~",
        ),
        (
            f"-----BEGIN PRIVATE KEY-----\n{KEY}",
            "-----BEGIN PRIVATE KEY-----\n(64 characters are hidden)",
        ),
        (f"echo -----BEGIN PRIVATE KEY-----\n{KEY}", f"echo -----BEGIN PRIVATE KEY-----\n{KEY}"),
        (f"-----BEGIN PRIVATE KEY-----\nrm\n{KEY}", f"-----BEGIN PRIVATE KEY-----\nrm\n{KEY}"),
        (f'{{"key": "-----BEGIN PRIVATE KEY-----\\n{KEY}\\n"}}', None),
        (
            "echo '-----BEGIN PRIVATE KEY-----'; rm -rf ~",
            "echo '-----BEGIN PRIVATE KEY-----'; rm -rf ~",
        ),
    ],
)
def test_only_what_nobody_could_execute_is_hidden_and_it_is_counted(text, shown):
    assert Redactor(["some value"]).without_keys(text) == shown


@pytest.mark.parametrize(
    "unit",
    ["eyJ", "-----BEGIN ", "sk-", "eyJaaaaaaaaa.", "ghp_", "-----BEGIN RSA PRIVATE KEY-----"],
)
def test_hostile_text_is_searched_in_no_time(unit):
    began_at = time.process_time()

    Redactor(["some value"]).redacted((unit * 1_000_000)[:1_000_000])
    Redactor(["some value"]).without_keys((unit * 1_000_000)[:1_000_000])

    assert time.process_time() - began_at < SECONDS


LONG_LINES = "the quick brown fox\n" * 20_000


@pytest.mark.parametrize("search", [Redactor.redacted, Redactor.cleaned])
def test_a_long_text_is_searched_without_holding_up_the_rest(search, mocker):
    here = mocker.spy(Redactor, "searched")
    secrets = f"hunter2-hunter2 \ud800\n{LONG_LINES}ghp_{'a1B2' * 9}\n-----BEGIN PRIVATE KEY-----"
    text = LONG_LINES + secrets

    found = search(Redactor(["hunter2-hunter2"]), text)

    assert found == f"{LONG_LINES}••• \ud800\n{LONG_LINES}•••\n•••"
    assert here.call_count == 0


def test_a_long_text_is_cleaned_too():
    assert Redactor().cleaned(f"\x1b[1m\u202e{LONG_LINES}") == LONG_LINES


def test_a_text_that_is_not_searched_in_time_is_left_out(mocker):
    mocker.patch("butler_run.text.apart.LIMIT_S", 0.0)

    assert Redactor().redacted(LONG_LINES).startswith("(This text could not be searched")
