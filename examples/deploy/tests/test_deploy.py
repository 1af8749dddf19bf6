"""A deployment takes two people."""

import subprocess

import pytest


@pytest.fixture
def script():
    return "echo deployed"


@pytest.fixture
def butler_toml(butler_toml, script):
    return f"""{butler_toml}
        users = ["+4930111111", "+4930222222"]
        [plugins]
        enabled = ["session", "run", "deploy"]
        [plugins.deploy.targets]
        staging = ["sh", "-c", "{script}"]
    """


@pytest.fixture
async def anna(chat):
    await chat("/use api")
    return chat.person("+4930111111")


@pytest.fixture
def bob(anna):
    return anna.person("+4930222222")


def commit(folder):
    identity = ("-c", "user.name=Anna", "-c", "user.email=anna@localhost")
    subprocess.run(
        ["git", "-C", folder, *identity, "commit", "-q", "--allow-empty", "-m", "More"], check=True
    )


async def test_what_a_second_person_approves_is_deployed(anna, bob):
    (question,) = await anna("/deploy staging")

    assert question.startswith("Deploy *api* at ")
    assert question.endswith(" to staging? Somebody else approves it by /approve 1.")
    assert await bob("/approve 1") == ["Deploying *api* to staging."]
    assert "Deployed *api* to staging in" in (done := await anna.next_reply())
    assert "deployed" in done


async def test_nobody_approves_their_own(anna):
    await anna("/deploy staging")

    assert await anna("/approve 1") == ["You asked for it, so somebody else has to approve it."]


async def test_an_approval_counts_once_and_in_its_chat(anna, bob):
    await anna("/deploy staging")

    (elsewhere,) = await bob.chat("other@g.us")("/approve 1")
    await bob("/approve 1")
    (twice,) = await bob("/approve 1")

    assert elsewhere == twice == "No deployment 1 waits here. /deploy <target> asks for one."


async def test_what_was_not_asked_for_is_not_deployed(anna, bob, tmp_path):
    await anna("/deploy staging")
    commit(tmp_path / "api")

    (said,) = await bob("/approve 1")

    assert said.startswith("*api* has another commit by now, so nothing was deployed.")


async def test_an_old_approval_is_none(anna, bob, clock):
    await anna("/deploy staging")
    clock.put_forward(16 * 60)

    (said,) = await bob("/approve 1")

    assert said.startswith("Deployment 1 waited for more than 15 min, so it was dropped.")


async def test_an_unknown_target_is_said(anna):
    assert await anna("/deploy moon") == ["No target called moon. Known: staging."]


@pytest.mark.parametrize("script", ["echo no; exit 3"])
async def test_a_deployment_that_fails_shows_why(anna, bob):
    await anna("/deploy staging")
    await bob("/approve 1")

    said = await anna.next_reply()

    assert said.startswith("The deployment of *api* to staging failed (3) after ")
    assert "no" in said
