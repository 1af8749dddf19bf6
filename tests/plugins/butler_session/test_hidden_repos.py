"""A repo that only some may see is not named to anybody else."""

import pytest

from butler.testing import OWNER, make_working_copy

NONE_ACTIVE = ["This chat has no active repo. /repos lists them, /use <repo> selects one."]


@pytest.fixture
def butler_toml(tmp_path):
    for name in ("api", "secret"):
        make_working_copy(tmp_path / name)
    return f"""
        data_dir = "{tmp_path}/data"
        repos.api.path = "{tmp_path}/api"
        repos.secret = {{ path = "{tmp_path}/secret", users = ["+4930999999"] }}
        [access]
        owners = ["{OWNER}"]
        chats = ["team@g.us", "other@g.us"]
    """


@pytest.fixture
def anna(chat):
    return chat.person("+4930111111")


@pytest.fixture
def alone(chat):
    return chat.chat("12@lid")


async def test_the_active_repo_is_not_named_to_who_may_not_see_it(chat, anna):
    await chat("/use secret")

    assert await anna("/repo") == NONE_ACTIVE
    assert (await chat("/repo"))[0].startswith("*secret*")


async def test_an_active_repo_that_is_gone_is_not_named(chat, anna, alone):
    await chat("/use secret")
    del chat.bot._services.repos._by_name["secret"]
    del chat.bot._services.repos._configured["secret"]
    gone = ["The active repo of this chat no longer exists. /repos lists the others."]

    assert await chat("/repo") == gone
    assert await anna("/repo") == NONE_ACTIVE
    assert "secret" not in (await chat("/sessions"))[0]
    assert "*secret*" in (await alone("/sessions"))[0]


async def test_use_does_not_name_a_hidden_repo_that_it_replaces(chat, anna):
    await chat("/use secret")

    assert await anna("/use api") == ["This chat now works on *api*, on branch main."]
    await chat("/use secret")
    assert await chat("/use api") == ["This chat now works on *api*, on branch main."]


async def test_sessions_name_a_hidden_repo_only_to_an_owner_who_reads_alone(chat, anna, alone):
    await chat.chat("other@g.us")("/use secret")

    assert "secret" not in (await chat("/sessions"))[0]
    assert "another repo" in (await chat("/sessions"))[0]
    assert "*secret*" in (await alone("/sessions"))[0]
    await chat("/use secret")
    assert await anna("/sessions") == ["There are no active sessions. /use <repo> starts one."]


async def test_lists_name_a_hidden_repo_only_to_an_owner_who_reads_alone(chat, anna, alone):
    for each in (chat, anna):
        assert "secret" not in (await each("/repos"))[0]
        assert "secret" not in (await each("/use secre"))[0]
        assert "secret" not in (await each("/use x"))[0]
    assert "secret" in (await alone("/repos"))[0]
    assert "secret" in (await alone("/use secre"))[0]
    assert (await chat.person("+4930999999")("/use secret"))[0].startswith("This chat now works")
