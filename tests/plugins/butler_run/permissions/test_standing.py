"""What owners allowed for always: kept over a restart, and only as Butler wrote it."""

import sqlite3

import pytest

from butler.app import read_setup
from butler.testing import OWNER, open_chat

WRITE = {"ask": {"path": "made.txt", "old": "", "new": "made"}}


@pytest.fixture
def butler(tmp_path, butler_toml):
    """Start Butler, with another configuration if need be."""

    def opened(change=str):
        path = tmp_path / "butler.toml"
        path.write_text(change(butler_toml))
        path.chmod(0o600)
        return open_chat(read_setup(path))

    return opened


@pytest.fixture
async def granted(butler, script, wait_for, answer):
    script.turns(WRITE)
    async with butler() as chat:
        await chat("/use api")
        await chat("/run do it")
        await wait_for(chat, "1 or 👍 yes")
        await chat("2")
        await answer(chat)
        assert "run 1, grant 1: any change to made.txt" in [
            each.detail for each in chat.records.audit
        ]


async def test_always_holds_after_a_restart_and_can_be_revoked(granted, butler, answer, wait_for):
    async with butler() as chat:
        assert "1. any change to made.txt, in *api*" in (await chat("/grants"))[0]
        before = len(chat.transport.sent)
        await chat("/run do it")
        await answer(chat, before)
        assert not [each for each in chat.transport.sent if "wants to" in each.reply.text]
        assert await chat("/grants revoke 1") == ["Agents ask again: any change to made.txt."]
    async with butler() as chat:
        assert await chat("/grants") == ["No standing grants in this chat: agents ask."]
        await chat("/run do it")
        await wait_for(chat, "1 or 👍 yes")
        await chat("/stop")


async def test_the_audit_says_what_was_revoked_and_by_whom(granted, butler):
    async with butler() as chat:
        await chat("/grants revoke 7")
        await chat("/grants revoke 1")
        await chat("/grants revoke all")

        found = [(each.result, each.detail, each.sender) for each in chat.records.audit]
        assert found == [
            ("refused", "grants revoked: none", str(OWNER)),
            ("done", "grants revoked: 1", str(OWNER)),
            ("refused", "grants revoked: none", str(OWNER)),
        ]


@pytest.mark.parametrize(
    "forged",
    [
        "UPDATE grants SET chat_id = 'other@g.us'",
        "UPDATE grants SET folder = '/'",
        'UPDATE grants SET key = \'["changes", "other.txt"]\'',
        "UPDATE grants SET number = 7",
        "INSERT INTO grants SELECT 2, chat_id, repo, folder, key, 'x', by, seal FROM grants",
    ],
)
async def test_what_was_written_behind_butlers_back_allows_nothing(
    granted, butler, tmp_path, forged
):
    db = sqlite3.connect(next((tmp_path / "data").rglob("standing-grants.sqlite3")))
    db.execute(forged)
    db.commit()
    db.close()

    async with butler() as chat:
        said = [*await chat("/grants"), *await chat.chat("other@g.us")("/grants")]
        assert sum("any change to" in each for each in said) == ("INSERT" in forged)


async def test_always_is_not_for_another_folder_of_the_same_name(
    granted, butler, tmp_path, wait_for
):
    def moved(toml):
        return toml.replace(
            f'repos.api.path = "{tmp_path}/api"', f'repos.api.path = "{tmp_path}/web"'
        ).replace(f'repos.web.path = "{tmp_path}/web"\n', "")

    async with butler(moved) as chat:
        await chat("/use api")
        await chat("/run do it")
        await wait_for(chat, "1 or 👍 yes")
        await chat("/stop")


async def test_always_does_not_hold_where_the_repo_only_plans_now(granted, butler, wait_for):
    async with butler(lambda toml: 'repos.api.mode = "plan"\n' + toml) as chat:
        await chat("/run do it")
        question = await wait_for(chat, "1 or 👍 yes")
        assert "always" not in question.reply.text
        await chat("/stop")


async def test_where_a_repo_only_plans_an_owner_alone_allows_anything(butler, script, wait_for):
    script.turns({"ask": {"command": "ls"}})
    async with butler(lambda toml: 'repos.api.mode = "plan"\n' + toml) as chat:
        anna = chat.person("+4930111111")
        await chat("/use api")
        await anna("/run do it")
        await wait_for(chat, "1 or 👍 yes")

        assert await anna("yes") == ["Only an owner can answer that."]
        assert await chat("yes") == []
