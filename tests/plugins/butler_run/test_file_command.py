"""/file sends a file of the repo, and nothing else."""

import os

import pytest

DIRECT = "+4915112345678@s.whatsapp.net"


@pytest.fixture
async def direct(chat):
    direct = chat.chat(DIRECT)
    await direct("/use api")
    return direct


def last(chat):
    return chat.transport.sent[-1].reply


async def test_a_file_of_the_repo_is_sent_as_it_is(direct, api):
    (api / "docs").mkdir()
    (api / "docs" / "plan.md").write_bytes(b"# Plan\r\n")

    assert await direct("/file docs/plan.md") == [""]

    reply = last(direct)
    assert (reply.file_name, reply.attachment.read_bytes()) == ("plan.md", b"# Plan\r\n")
    assert not reply.attachment.is_relative_to(api)


@pytest.mark.parametrize(
    "path", ["../outside.txt", "/etc/hostname", "a/../../outside.txt", "", "a\0b"]
)
async def test_a_path_that_leads_out_of_the_repo_is_refused(direct, tmp_path, path):
    (tmp_path / "outside.txt").write_text("x")

    (said,) = await direct(f"/file {path}")

    assert said.startswith(("Name a file in the repo", "Missing: path"))
    assert last(direct).attachment is None


@pytest.mark.parametrize("path", [".git/config", ".GIT/config", "./.git/config"])
async def test_git_s_own_files_stay_there(direct, path):
    assert await direct(f"/file {path}") == ["What is in .git stays there."]


async def test_links_are_never_followed(direct, api, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.txt").write_text("secret")
    (api / "link.txt").symlink_to(tmp_path / "outside" / "a.txt")
    (api / "folder").symlink_to(tmp_path / "outside")
    (api / "hard.txt").hardlink_to(tmp_path / "outside" / "a.txt")
    os.mkfifo(api / "pipe")

    assert await direct("/file link.txt") == ["link.txt is a link."]
    assert await direct("/file folder/a.txt") == ["There is no file folder/a.txt."]
    assert await direct("/file hard.txt") == ["hard.txt has another name elsewhere."]
    assert await direct("/file pipe") == ["pipe is not a file."]
    assert await direct("/file .") == ["Name a file in the repo, such as docs/plan.md."]
    assert await direct("/file none.txt") == ["There is no file none.txt."]


async def test_a_key_is_held_back_and_sent_to_an_owner_in_private_only(chat, direct, api, tmp_path):
    (api / ".env").write_text("TOKEN=1")
    await chat("/use api")

    held = "Held back: .env looks like a key. /file! sends it to an owner in private."
    assert await direct("/file .env") == [held]
    assert await chat("/file .env") == [held]
    assert await chat("/file! .env") == ["/file! is for owners, in a chat with me alone."]
    other = chat.person("+4930123456")
    assert await other("/file! .env") == ["/file! is for owners, in a chat with me alone."]
    assert all(each.reply.attachment is None for each in chat.transport.sent)
    assert list(tmp_path.glob("data/runs/**/*env*")) == []

    await direct("/file! .env")

    assert last(direct).attachment.read_text() == "TOKEN=1"


@pytest.mark.parametrize("name", ["deploy.pem", ".env"])
async def test_what_an_outbox_held_back_can_be_asked_for(chat, direct, run, script, name):
    await chat("/use api")
    script.turns({"write": f"$BUTLER_OUTBOX/{name}", "content": "key"})
    assert f"/file! outbox/{name} sends it" in await run(chat)

    await direct(f"/file! outbox/{name}")

    assert last(direct).attachment.read_text() == "key"


async def test_each_copy_has_a_folder_of_its_own_to_be_pruned_by_its_own_age(direct, api, tmp_path):
    (api / "a.txt").write_text("x")
    await direct("/file a.txt")
    first = last(direct).attachment
    await direct("/file a.txt")

    assert last(direct).attachment.name == "a.txt"
    assert not last(direct).attachment.is_relative_to(first.parent.parent)


async def test_who_may_not_run_gets_no_file(butler_toml, chat, api):
    (api / "a.txt").write_text("x")
    await chat("/use api")
    stranger = chat.person("+4930123456").chat("+4930123456@s.whatsapp.net")

    assert await stranger("/file a.txt") == []
