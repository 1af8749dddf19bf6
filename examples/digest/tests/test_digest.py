"""A digest comes once a day."""

import pytest
from butler_digest import LOOK_EVERY_S

DAY_S = 24 * 3600


@pytest.fixture
def butler_toml(butler_toml):
    return f"""{butler_toml}
        [plugins]
        enabled = ["session", "run", "digest"]
    """


@pytest.fixture
async def team(chat):
    await chat("/use api")
    return chat


async def test_a_digest_can_be_had_at_once(team):
    (said,) = await team("/digest")

    assert said.startswith("*api* since yesterday:\n• ")


async def test_a_repo_without_news_has_none(team, clock):
    clock.put_forward(2 * DAY_S)

    assert await team("/digest") == ["No commits in *api* since yesterday."]


async def test_without_a_repo_it_says_how_to_select_one(chat):
    (said,) = await chat("/digest on")

    assert "/use <repo> selects one" in said


async def test_it_comes_once_a_day_until_it_is_switched_off(team, clock, mocker):
    news = mocker.patch("butler_digest._commits", side_effect=["one", "two", "three"])
    assert await team("/digest on") == ["This chat gets the commits of *api* each day at 18:00."]

    clock.put_forward(DAY_S)
    assert await team.next_reply() == "one"
    clock.put_forward(LOOK_EVERY_S)
    await team("/repo")
    clock.put_forward(DAY_S)
    assert await team.next_reply() == "two"

    await team("/digest off")
    clock.put_forward(DAY_S)
    await team("/repo")
    assert news.call_count == 2
