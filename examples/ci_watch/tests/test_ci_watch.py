"""Checks are watched until they are done."""

import json

import pytest


@pytest.fixture
def checks(tmp_path):
    """The file whose text the command prints."""
    path = tmp_path / "checks"
    path.write_text("pending")
    return path


@pytest.fixture
def butler_toml(butler_toml, checks):
    return f"""{butler_toml}
        [plugins]
        enabled = ["session", "run", "ci_watch"]
        [plugins.ci_watch]
        command = {json.dumps(["cat", str(checks)])}
    """


@pytest.fixture
async def team(chat):
    await chat("/use api")
    return chat


@pytest.mark.parametrize(("state", "said"), [("success", "passed"), ("failure", "failed")])
async def test_the_end_of_the_checks_is_said_to_the_person_who_asked(team, checks, state, said):
    checks.write_text(f"{state} https://example.org/7\n")
    await team("/watch")

    assert await team.next_reply() == _ended(team, said)
    assert team.transport.sent[-1].reply.mentions == (team.sender,)


def _ended(team, said):
    watching = next(each for each in team.transport.sent if "Watching" in each.reply.text)
    commit = watching.reply.text.split(" at ")[1].split(".")[0]
    return f"*api* at {commit}: the checks {said}. https://example.org/7"


async def test_what_is_not_done_is_asked_again(team, checks, clock):
    (said,) = await team("/watch")
    assert said.startswith("Watching *api* at ")
    await team("/repo")

    checks.write_text("success https://example.org/7")
    clock.put_forward(31)

    assert await team.next_reply() == _ended(team, "passed")


async def test_it_does_not_wait_for_ever(team, clock):
    await team("/watch")
    before = len(team.transport.sent)

    clock.put_forward(3_700)
    await team("/repo")
    await team.transport.wait_for_sent("team@g.us", before + 1)

    texts = [each.reply.text for each in team.transport.sent[before:]]
    assert any(text.endswith(": not done after 1 h. /watch goes on.") for text in texts)


async def test_unwatch_ends_it(team):
    await team("/watch")

    assert await team("/unwatch") == ["No longer watching."]
    assert await team("/unwatch") == ["Nothing is watched here. /watch begins."]
