"""What runs changed, shown and undone."""

import os
import resource
import subprocess

import pytest

from butler import GitError, UserError
from butler.app import read_setup
from butler.testing import make_working_copy, open_chat
from butler_run.snapshots.checked_objects import CheckedObjects
from butler_run.snapshots.snapshots import Moment, SnapshotFolder, Snapshots

ASK = {"ask": {"command": "ls"}}


def snapshots_of(folder, max_file_mb=100):
    return SnapshotFolder(folder.parent / "store", max_file_mb).of(folder)


async def test_what_a_run_changed_is_counted_shown_and_undone(chat, script, api, run):
    script.turns({"write": "made.txt", "content": "one\ntwo\n"}, {"say": "Written."})
    await chat("/use api")

    assert "1 file +2 −0 · /diff · /undo · " in await run(chat)
    (diff,) = await chat("/diff")
    assert diff.startswith("Run 1 in *api*: 1 file +2 −0\n```\ndiff --git a/made.txt b/made.txt")
    assert await chat("/undo") == ["Run 1 in *api* was undone: made.txt."]
    assert not (api / "made.txt").exists()
    assert await chat("/undo 1") == ["Run 1 in *api* has nothing to undo."]


async def test_a_run_that_is_taking_its_first_snapshot_has_none_yet(chat, script, gate):
    script.turns({"wait": True})
    gate.before(Snapshots, "take")
    await chat("/use api")
    await chat("/run do it")
    await gate.is_reached.wait()

    assert await chat("/diff") == [
        "Run 1 in *api* has no snapshot yet, so its changes are unknown for now."
    ]
    gate.is_open.set()
    await chat("/stop")


async def test_a_large_diff_comes_as_a_patch(chat, script, run):
    script.turns({"write": "made.txt", "content": "line\n" * 1000})
    await chat("/use api")
    await run(chat)
    before = len(chat.transport.sent)

    summary, _patch = await chat("/diff 1")

    assert summary == "Run 1 in *api*: 1 file +1000 −0\n• made.txt"
    assert chat.transport.sent[before + 1].reply.file_name == "run-1.patch"


async def test_a_patch_is_not_touched_by_the_prefix_in_use(butler_toml, tmp_path, api):
    path = tmp_path / "butler.toml"
    path.write_text(f'prefix = "!"\n{butler_toml}')
    (api / "mine.txt").write_text("/run it\n" * 1000)
    async with open_chat(read_setup(path)) as chat:
        await chat("!use api")

        _summary, patch = await chat("!diff")
        assert "\n+/run it\n" in patch


async def test_undo_never_overwrites_what_was_changed_since(chat, script, api, run):
    script.turns({"write": "made.txt", "content": "one\n"})
    await chat("/use api")
    await run(chat)
    (api / "made.txt").write_text("mine\n")

    assert await chat("/undo") == ["Nothing was undone. Changed since the run: made.txt."]
    assert (api / "made.txt").read_text() == "mine\n"


async def test_without_a_run_there_is_nothing_to_undo(chat):
    await chat("/use api")

    assert await chat("/undo") == [
        "There is no run of this chat to undo in *api*. /runs lists the runs."
    ]


@pytest.mark.parametrize("text", ["/diff 7", "/undo 7"])
async def test_a_run_that_there_was_not_is_said(chat, text):
    assert await chat(text) == ["There is no such run in this chat. /runs lists them."]


async def test_a_diff_shows_no_secrets(chat, api):
    (api / "mine.txt").write_text("ghp_" + "a" * 36 + "\n")
    await chat("/use api")

    assert "+•••\n" in (await chat("/diff"))[0]


async def test_without_a_run_diff_shows_the_working_copy(chat, api):
    await chat("/use api")

    assert await chat("/diff") == ["*api* since its last commit: no files changed."]
    (api / "mine.txt").write_text("mine\n")
    (diff,) = await chat("/diff")
    assert diff.startswith("*api* since its last commit: 1 file +1 −0\n```\ndiff --git")


async def test_the_working_copy_of_a_repo_without_a_commit_is_shown(chat, tmp_path):
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "plain")], check=True)
    (tmp_path / "plain" / "mine.txt").write_text("mine\n")
    await chat("/use plain")

    assert "1 file +1 −0" in (await chat("/diff"))[0]


async def test_diff_shows_what_a_run_under_way_changed_so_far(chat, script, wait_for):
    script.turns({"write": "made.txt", "content": "one\n"}, ASK)
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "1 or 👍 yes")

    assert (await chat("/diff 1"))[0].startswith("Run 1 in *api* so far: 1 file +1 −0\n")
    assert await chat("/undo 1") == ["A run is in progress there. /stop it, or wait for its end."]
    await chat("/stop")


@pytest.fixture
def cut_off(butler_toml, tmp_path, script, wait_for):
    """Let a run make a file, and Butler end in the middle of it."""
    (tmp_path / "butler.toml").write_text(butler_toml)

    async def ended():
        script.turns({"write": "made.txt", "content": "one\n"}, ASK)
        async with open_chat(read_setup(tmp_path / "butler.toml")) as chat:
            await chat("/use api")
            await chat("/run do it")
            await wait_for(chat, "1 or 👍 yes")
            chat.bot.stop()

    return ended


async def test_what_changed_since_a_run_that_was_cut_off_is_shown_and_not_undone(
    cut_off, tmp_path, api
):
    await cut_off()
    (api / "mine.txt").write_text("mine\n")
    async with open_chat(read_setup(tmp_path / "butler.toml")) as chat:
        (diff,) = await chat("/diff")
        assert diff.startswith("*api* since run 1 started: 2 files +2 −0\n")
        (said,) = await chat("/undo")

    assert said.startswith("Run 1 in *api* did not finish, so its changes cannot be told")
    (api / "README.md").unlink()
    restore = said.partition("on the machine, ")[2].partition(" <file>")[0].split()
    subprocess.run([*restore, "README.md"], cwd=api, check=True)
    assert (api / "README.md").exists()
    assert (api / "made.txt").exists()


async def test_the_commits_of_a_run_stay_when_it_is_undone_and_that_is_said(chat, api, run):
    commit = "git add --all; git -c user.name=a -c user.email=a@b commit --quiet -m more; echo ok"
    await chat("/use api")
    await chat("/agent shell")
    await run(chat, f"echo one > made.txt; {commit}")

    assert await chat("/undo") == [
        "Run 1 in *api* was undone: made.txt. Its commits stay: only files are restored."
    ]
    assert not (api / "made.txt").exists()


async def test_names_of_files_stay_on_one_line_and_too_many_are_counted(chat, run):
    await chat("/use api")
    await chat("/agent shell")
    await run(chat, "for n in $(seq 30); do seq 100 > $n; done")

    listed = (await chat("/diff"))[0].split("\n")
    assert (len(listed), listed[-1]) == (22, "• 10 more")
    assert (await chat("/undo"))[0].endswith(" and 20 more.")


async def test_the_name_of_a_file_stays_on_one_line(chat, run):
    await chat("/use api")
    await chat("/agent shell")
    await run(chat, "touch \"$(printf 'a\\nb')\"")

    assert await chat("/undo") == [r"Run 1 in *api* was undone: a\nb."]


async def test_a_diff_does_not_show_what_an_agent_is_passed(
    butler_toml, tmp_path, api, monkeypatch
):
    monkeypatch.setenv("MY_TOKEN", "hush-hush-hush")
    path = tmp_path / "butler.toml"
    shout = "[plugins.run.agents.shout]"
    path.write_text(butler_toml.replace(shout, f'{shout}\nenv = ["MY_TOKEN"]'))
    (api / "mine.txt").write_text("hush-hush-hush\n")
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        assert "+•••\n" in (await chat("/diff"))[0]


async def test_a_run_that_changed_nothing_says_so(chat, run):
    await chat("/use api")
    await run(chat)

    assert await chat("/diff") == ["Run 1 in *api*: no files changed."]


async def test_what_a_run_changed_is_not_shown_where_the_repo_is_another_folder_by_now(
    butler_toml, tmp_path, script, run
):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    script.turns({"write": "made.txt", "content": "one\n"})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await run(chat)
    path.write_text(butler_toml.replace(f"{tmp_path}/api", f"{tmp_path}/web"))

    async with open_chat(read_setup(path)) as chat:
        assert await chat("/undo") == ["*api* was a different folder during run 1."]


MADE = "echo {0} > {0}.txt"


@pytest.fixture
def shell(chat):
    """Let plain commands be the agent."""

    async def chosen(repo="api"):
        await chat(f"/use {repo}")
        await chat("/agent shell")

    return chosen


async def test_the_last_run_in_the_active_repo_is_the_one_meant(chat, run, shell, api, tmp_path):
    for number, repo in enumerate(("api", "web"), start=1):
        await shell(repo)
        await run(chat, MADE.format(f"run{number}"))
    await chat("/use api")

    assert (await chat("/diff"))[0].startswith("Run 1 in *api*")
    assert await chat("/undo") == ["Run 1 in *api* was undone: run1.txt."]
    assert not (api / "run1.txt").exists()
    assert (tmp_path / "web/run2.txt").exists()


async def test_a_second_undo_takes_the_run_before(chat, run, shell):
    await shell()
    for number in (1, 2):
        await run(chat, MADE.format(f"run{number}"))

    assert await chat("/undo") == ["Run 2 in *api* was undone: run2.txt."]
    assert (await chat("/diff"))[0].startswith("Run 1 in *api*")
    assert await chat("/undo") == ["Run 1 in *api* was undone: run1.txt."]
    assert await chat("/undo") == [
        "There is no run of this chat to undo in *api*. /runs lists the runs."
    ]


async def test_a_run_of_another_chat_is_not_the_one_meant(chat, run, shell):
    await shell()
    await run(chat, MADE.format("mine"))
    other = chat.chat("other@g.us")
    await other("/use api")

    assert (await other("/undo"))[0].startswith("There is no run of this chat to undo in *api*.")


async def test_the_last_run_is_not_passed_over_where_it_has_no_snapshot(
    chat, run, shell, api, mocker
):
    await shell()
    await run(chat, MADE.format("first"))
    mocker.patch(
        "butler_run.snapshots.snapshots.Snapshots.take", side_effect=GitError("git took too long.")
    )
    assert "no snapshot, so no /undo (git took too long)" in await run(chat, MADE.format("second"))
    mocker.stopall()

    assert await chat("/undo") == ["Run 2 in *api* has no snapshots, so its changes are unknown."]
    assert (api / "first.txt").exists()


async def test_what_changed_within_a_nested_repository_is_named_and_the_rest_put_back(
    chat, run, shell, api
):
    await shell()

    said = await run(chat, f"{MADE.format('made')}; git init -q sub; echo x > sub/x")

    assert "1 file +1 −0 · /diff · /undo · changed beyond /undo: sub · " in said
    assert (await chat("/diff"))[0].startswith("Run 1 in *api* (not shown: sub): 1 file +1 −0")
    (undone,) = await chat("/undo")
    assert undone.startswith("Run 1 in *api* was undone: made.txt. Left as they are, as")
    assert undone.endswith(": sub.")
    assert (api / "sub/x").exists()


class TestAnotherHand:
    """Somebody commits, or switches the branch, while an agent is at work."""

    @pytest.fixture
    def during(self, chat, script, wait_for, answer, api):
        """Let a run make a file, and do something else in the meantime."""

        async def done(work, *steps):
            script.turns({"write": "made.txt", "content": "one\n"}, *steps, ASK)
            await chat("/use api")
            before = len(chat.transport.sent)
            await chat("/run do it")
            await wait_for(chat, "1 or 👍 yes")
            work(api)
            await chat("1")
            await answer(chat, before)

        return done

    @staticmethod
    def commit(api):
        (api / "theirs.txt").write_text("mine\n")
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "add", "theirs.txt"], cwd=api, check=True)
        subprocess.run(["git", *identity, "commit", "-qm", "x"], cwd=api, check=True)

    @staticmethod
    def switch(api):
        subprocess.run(["git", "switch", "-qc", "next"], cwd=api, check=True)

    def switch_and_commit(self, api):
        self.switch(api)
        self.commit(api)

    @pytest.mark.parametrize("work", ["commit", "switch", "switch_and_commit"])
    async def test_undo_refuses_and_lists_the_files(self, chat, during, api, work):
        await during(getattr(self, work))

        (refused,) = await chat("/undo")

        assert refused.startswith("Nothing was undone. While run 1 was at work in *api*, somebody")
        assert "made.txt" in refused
        assert (api / "made.txt").exists()
        by_hand = refused.partition("On the machine, ")[2].partition(" <file>")[0].split()
        (api / "README.md").unlink()
        subprocess.run([*by_hand, "README.md"], check=True)
        assert (api / "README.md").exists()

    async def test_what_the_agent_committed_itself_is_undone(self, chat, during, api):
        await during(self.commit, {"tool": "Bash git commit -m x"})

        assert "was undone: made.txt, theirs.txt. Its commits stay" in (await chat("/undo"))[0]


class TestBreakingOff:
    """Git is not let write a file of more than so many bytes, as on a disk that is full."""

    @pytest.fixture
    def copy(self, tmp_path):
        return make_working_copy(tmp_path / "copy")

    @pytest.fixture
    def no_room(self):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
        yield
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    async def test_an_undo_that_breaks_off_leaves_the_files_as_they_were(self, copy, request):
        (copy / "b-small").write_text("1\n")
        (copy / "c-large").write_bytes(os.urandom(100_000))
        (copy / "a-deleted").write_text("1\n")
        before = await snapshots_of(copy).take(1, Moment.BEFORE)
        (copy / "b-small").write_text("2\n")
        (copy / "c-large").write_text("2\n")
        (copy / "a-deleted").unlink()
        (copy / "d-made").write_text("2\n")
        after = await snapshots_of(copy).take(1, Moment.AFTER)
        left = {file.name: file.read_bytes() for file in copy.iterdir() if file.is_file()}
        request.getfixturevalue("no_room")

        with pytest.raises(UserError, match=r"^Nothing was undone: "):
            await snapshots_of(copy).undo(before, after)

        assert left == {f.name: f.read_bytes() for f in copy.iterdir() if f.is_file()}

    async def test_an_undo_that_can_go_neither_way_says_where_the_files_are(self, copy, mocker):
        (copy / "large").write_bytes(b"1")
        before = await snapshots_of(copy).take(1, Moment.BEFORE)
        (copy / "large").write_bytes(b"2")
        after = await snapshots_of(copy).take(1, Moment.AFTER)
        mocker.patch.object(CheckedObjects, "put", side_effect=GitError("the disk is full."))

        with pytest.raises(UserError, match="brings back what the run left") as refused:
            await snapshots_of(copy).undo(before, after)

        (copy / "large").unlink()
        command = str(refused.value).partition("has them: ")[2].partition(" brings back")[0]
        subprocess.run(command.split(), check=True)
        assert (copy / "large").read_bytes() == b"2"
