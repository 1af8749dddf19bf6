import os
import re
import subprocess
from contextlib import closing

import pytest

from butler.app import read_setup
from butler.sessions import Session, SqliteStore
from butler.testing import OWNER, make_working_copy, open_chat


def configured(tmp_path, *lines):
    return "\n".join(
        [
            f'data_dir = "{tmp_path}/data"',
            f'access.owners = ["{OWNER}"]',
            'access.chats = ["team@g.us", "other@g.us"]',
            *lines,
        ]
    )


@pytest.fixture
def butler_toml(tmp_path):
    make_working_copy(tmp_path / "api")
    make_working_copy(tmp_path / "web", branch="next")
    return configured(
        tmp_path,
        f'repos.api = {{ path = "{tmp_path}/api", description = "Billing API" }}',
        f'repos.web-app.path = "{tmp_path}/web"',
        f'repos.gone.path = "{tmp_path}/gone"',
        f'repos.plain.path = "{tmp_path}"',
    )


async def test_use_selects_a_repo_and_says_what_it_replaced(chat):
    assert await chat("/use api") == ["This chat now works on *api*, on branch main."]
    assert await chat("/use WEB-APP") == [
        "This chat now works on *web-app*, on branch next. It was api before."
    ]
    assert await chat("/use web-app") == ["This chat already works on *web-app*, on branch next."]


@pytest.mark.parametrize(
    "text",
    [
        "/select api",
        "/cd api",
        '/use "api"',
        "/use “api”",
        "/use 'api'",
        "/use ‘api’",
        "/use *api*",
        "/use `api`.",
        "/use _“Api”._",
        "/use api.",
        "/use api!",
        "/use «api»,",
        "/use api。",
        "/use api\u2060",
        "/use \u2060 api",
        "/use\u200b a\u200bpi",
        "/use repo api",
        "\uff0fuse api",
        "/ use api",
    ],
)
async def test_use_has_other_names_and_takes_quotes(chat, text):
    assert await chat(text) == ["This chat now works on *api*, on branch main."]


async def test_chats_do_not_interfere(chat):
    other = chat.chat("other@g.us")
    await chat("/use api")
    await other("/use web-app")

    assert (await chat("/repo"))[0].startswith("*api*")
    assert (await other("/repo"))[0].startswith("*web-app*")


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("/use web", "No repo called web. Did you mean web-app? /repos lists them."),
        ("/use zzz", "No repo called zzz. Known: api, gone, plain, web-app."),
        ("/use ../../etc", "No repo called ../../etc. Known: api, gone, plain, web-app."),
        ('/use "a b"', "No repo called a b. Known: api, gone, plain, web-app."),
        ("/use api web", "Unexpected argument: web. Usage: /use [repo]"),
        ("/use gone", "*gone* cannot be used: its folder does not exist. /repos lists the others."),
        ("/use plain", "This chat now works on *plain*. The folder is not a git working copy."),
    ],
)
async def test_use_of_what_is_not_there_says_so(chat, text, reply):
    assert await chat(text) == [reply]


async def test_a_refused_repo_leaves_the_active_one(chat):
    await chat("/use api")
    await chat("/use gone")

    assert (await chat("/repo"))[0].startswith("*api*")


async def test_use_alone_lists_the_repos(chat):
    await chat("/use api")

    assert await chat("/use") == await chat("/repos")
    assert await chat("/ls") == [
        "• *api* – Billing API (active)\n"
        "• gone (not usable: its folder does not exist)\n"
        "• plain\n"
        "• web-app\n"
        "\n"
        "/use <repo> selects one."
    ]


async def test_repo_shows_name_folder_branch_changes_and_last_commit(chat, tmp_path):
    await chat("/use api")
    (reply,) = await chat("/repo")
    title, folder, state, commit = reply.split("\n")

    assert title == "*api* – Billing API"
    assert folder == f"`{tmp_path}/api`"
    assert state == "On branch main, clean."
    assert commit.startswith("Last commit: ")
    assert "First commit (" in commit


@pytest.mark.parametrize(
    ("files", "said"), [(["a"], "1 file changed."), (["a", "ü b"], "2 files changed.")]
)
async def test_repo_counts_changed_files(chat, tmp_path, files, said):
    for name in files:
        (tmp_path / "api" / name).write_text("x")
    await chat("/use api")

    assert said in (await chat("/status"))[0]


async def test_a_renamed_file_counts_once(chat, tmp_path):
    subprocess.run(["git", "mv", "README.md", "NEW.md"], cwd=tmp_path / "api", check=True)
    await chat("/use api")

    assert "1 file changed." in (await chat("/pwd"))[0]


async def test_a_repo_without_a_commit_is_described_all_the_same(chat, tmp_path):
    subprocess.run(["git", "init", "-qb", "trunk", str(tmp_path)], check=True)

    assert await chat("/use plain") == ["This chat now works on *plain*, on branch trunk."]
    assert "On branch trunk, " in (await chat("/repo"))[0]
    assert "No commits yet." in (await chat("/repo"))[0]


async def test_a_working_copy_on_no_branch_shows_its_commit(chat, tmp_path):
    subprocess.run(["git", "checkout", "-q", "--detach"], cwd=tmp_path / "api", check=True)

    assert ", on no branch." in (await chat("/use api"))[0]
    assert "At commit " in (await chat("/repo"))[0]


async def test_a_repo_that_is_no_working_copy_says_so(chat, tmp_path):
    await chat("/use plain")

    assert await chat("/repo") == [f"*plain*\n`{tmp_path}`\nThe folder is not a git working copy."]


async def test_a_folder_of_somebody_else_is_explained(chat, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "git"
    fake.write_text(
        '#!/bin/sh\necho "fatal: detected dubious ownership in repository" >&2\nexit 128\n'
    )
    fake.chmod(0o755)

    (reply,) = await chat("/use api")

    assert f"git config --global --add safe.directory {tmp_path}/api" in reply


async def test_a_git_that_hangs_gets_a_useful_answer(chat, tmp_path, monkeypatch, mocker):
    mocker.patch("butler_session.git_status.TIMEOUT_S", 0.2)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "git"
    fake.write_text("#!/bin/sh\nsleep 60\n")
    fake.chmod(0o755)

    assert await chat("/use api") == [
        "This chat now works on *api*. git did not answer within 0.2 s."
    ]


async def test_no_active_repo_says_how_to_choose_one(chat):
    assert await chat("/repo") == [
        "This chat has no active repo. /repos lists them, /use <repo> selects one."
    ]


async def test_clear_forgets_the_session(chat):
    await chat("/use api")

    assert await chat("/clear") == [
        "This chat no longer has an active repo. /use <repo> selects one."
    ]
    assert await chat("/reset") == ["This chat had no active repo. /use <repo> selects one."]


async def test_owners_see_all_sessions_the_latest_first(chat):
    await chat("/use api")
    await chat.chat("other@g.us")("/use web-app")

    assert await chat("/sessions") == [
        "• other@g.us: *web-app*, just now\n• team@g.us (this chat): *api*, just now"
    ]


async def test_others_see_only_their_own_chat(chat):
    await chat("/use api")
    await chat.chat("other@g.us")("/use web-app")
    member = chat.person("+4930123456")

    assert await member("/sessions") == ["• team@g.us (this chat): *api*, just now"]
    await chat("/clear")
    assert await member("/sessions") == ["There are no active sessions. /use <repo> starts one."]


async def test_an_owner_alone_reads_names_and_an_owner_in_a_group_ids(chat):
    chat.transport.chat_names.update({"team@g.us": "Team", "other@g.us": "Board"})
    await chat("/use api")
    await chat.chat("other@g.us")("/use web-app")

    assert await chat.chat("12@lid")("/sessions") == [
        "• *Board*: *web-app*, just now\n• *Team*: *api*, just now"
    ]
    assert await chat("/sessions") == [
        "• other@g.us: *web-app*, just now\n• *Team* (this chat): *api*, just now"
    ]


@pytest.mark.parametrize(
    ("age_s", "said"),
    [(0.9, "just now"), (59, r"5\d s ago"), (7_300, "2 h ago"), (90_000, "1 day ago")],
)
async def test_sessions_say_how_long_ago(chat, clock, age_s, said):
    await chat("/use api")
    clock.put_forward(age_s)

    assert re.search(said, (await chat("/sessions"))[0])


async def test_a_long_list_of_sessions_is_cut(chat):
    for number in range(32):
        await chat.chat(f"{number}@g.us")("/use api")

    assert (await chat("/sessions"))[0].endswith("… and 2 more.")


async def test_a_long_list_of_repos_has_pages(tmp_path):
    lines = [f'repos.r{number:02}.path = "{tmp_path}"' for number in range(41)]
    path = tmp_path / "butler.toml"
    path.write_text(configured(tmp_path, *lines))
    async with open_chat(read_setup(path)) as chat:
        (first,), (last,) = await chat("/repos"), await chat("/repos 3")

        assert first.endswith("Page 1 of 3, /repos 2 shows the next.")
        assert last == "• r40\n\n/use <repo> selects one.\nPage 3 of 3."
        assert await chat("/repos 4") == ["There is no page 4; the last one is 3. /repos 3"]
        assert await chat("/repos two") == ["two is not a whole number. Usage: /repos [page]"]


async def test_without_repos_the_list_says_where_they_come_from(tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text(configured(tmp_path))
    async with open_chat(read_setup(path)) as chat:
        assert await chat("/repos") == ["No repos are configured yet."]


async def test_a_working_copy_that_came_later_can_be_used(tmp_path):
    path = tmp_path / "butler.toml"
    (tmp_path / "src").mkdir()
    path.write_text(configured(tmp_path, f'repo_folders = ["{tmp_path}/src"]'))
    async with open_chat(read_setup(path)) as chat:
        make_working_copy(tmp_path / "src" / "late")

        assert await chat("/use late") == ["This chat now works on *late*, on branch main."]


async def test_an_active_working_copy_that_was_away_can_be_used_once_it_is_back(tmp_path):
    path, folder = tmp_path / "butler.toml", tmp_path / "src" / "late"
    make_working_copy(folder)
    path.write_text(configured(tmp_path, f'repo_folders = ["{tmp_path}/src"]'))
    async with open_chat(read_setup(path)) as chat:
        await chat("/use late")
        folder.rename(tmp_path / "away")
        assert await chat("/repos") == ["No repos are configured yet."]
        (tmp_path / "away").rename(folder)

        assert (await chat("/repo"))[0].startswith("*late*")


async def test_an_active_repo_that_is_no_longer_configured_is_said(butler_toml, tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text(f'{butler_toml}\nrepos.old.path = "{tmp_path}/api"')
    async with open_chat(read_setup(path)) as chat:
        await chat("/use old")
    path.write_text(butler_toml)
    async with open_chat(read_setup(path)) as chat:
        assert await chat("/repo") == [
            "The active repo of this chat no longer exists. /repos lists the others."
        ]


async def test_the_session_outlives_the_bot(butler_toml, tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
    async with open_chat(read_setup(path)) as chat:
        assert (await chat("/repo"))[0].startswith("*api*")


async def test_using_the_repo_keeps_the_session_alive(butler_toml, tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    with closing(SqliteStore(tmp_path / "data" / "sessions.sqlite3")) as store:
        store.put(Session("team@g.us", "api", "/api", 1.0))
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)

    async with open_chat(read_setup(path)) as chat:
        await chat("/repo")
        assert await chat("/sessions") == ["• team@g.us (this chat): *api*, just now"]


async def test_commands_that_arrive_at_once_ask_git_once(chat, mocker):
    run = mocker.spy(__import__("butler_session.git_status").git_status, "run_git")
    chats = [chat.chat("team@g.us"), chat.chat("other@g.us")]
    messages = [each.message("/use api") for each in chats]
    for message in messages:
        chat.transport.receive(message)
    for message in messages:
        await chat.transport.wait_until_acknowledged(message)

    assert run.call_count == 1


async def test_use_says_what_agents_do_not_read_and_an_owner_once_what_that_means(chat, tmp_path):
    (tmp_path / "api/.claude").mkdir()
    (tmp_path / "api/.mcp.json").touch()
    (tmp_path / "api/.git/hooks/pre-commit").touch(mode=0o755)
    anna = chat.person("+4930123456")
    here = "This chat now works on *api*, on branch main."
    left_out = "Agents do not read what it brings: .claude, .mcp.json."

    assert await anna("/use api") == [f"{here}\n{left_out}"]
    await chat("/clear")
    assert await chat("/use api") == [
        f"{here}\n{left_out}\nThose can run programs; trusted = true in [repos.api] lets them "
        "count.\nGit runs its hooks: pre-commit."
    ]
    await chat("/clear")
    assert await chat("/use api") == [f"{here}\n{left_out}"]


async def test_use_says_to_an_owner_what_agents_take_from_a_trusted_repo(tmp_path, butler_toml):
    (tmp_path / "api/.claude").mkdir()
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml.replace('"Billing API"', '"Billing API", trusted = true'))
    async with open_chat(read_setup(path)) as chat:
        (said,) = await chat("/use api")

    assert said.endswith("\nIt is trusted, so agents take what is in .claude.")


async def test_where_a_repo_lies_on_the_machine_is_shown_to_owners_only(chat, tmp_path):
    await chat("/use api")
    member = chat.person("+4915199999999")

    assert f"`{tmp_path}/api`" in (await chat("/repo"))[0]
    (seen,) = await member("/repo")
    assert seen.startswith("*api*")
    assert str(tmp_path) not in seen
