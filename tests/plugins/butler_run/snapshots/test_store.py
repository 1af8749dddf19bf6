"""What snapshots hold is Butler's own; what they cannot hold is named, and holds nobody up."""

import os
import shutil
import zlib

import pytest

from butler import GitError, UserError
from butler_run.snapshots import contents
from butler_run.snapshots.changes import summary
from butler_run.snapshots.restoration import Undone
from butler_run.snapshots.snapshots import Moment, SnapshotFolder


def snapshots_of(folder, max_file_mb=100):
    return SnapshotFolder(folder.parent / "store", max_file_mb).of(folder)


def _write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def _run(snapshots, work):
    before = await snapshots.take(1, Moment.BEFORE)
    work()
    return before, await snapshots.take(1, Moment.AFTER)


def _change(copy):
    (copy / "a.txt").write_text("run\n")
    (copy / "sub/c").unlink()
    _write(copy, {"made/deep.txt": "d\n"})


@pytest.fixture
def nested(copy, ask_git):
    """Make a git repository within the working copy."""

    def made():
        _write(copy, {"nested/x": "x"})
        ask_git("init", "--quiet", cwd=copy / "nested")
        ask_git("add", "x", cwd=copy / "nested")
        ask_git("commit", "--quiet", "-m", "nested", cwd=copy / "nested")
        return copy / "nested"

    return made


class TestNestedRepositories:
    async def test_one_that_was_made_does_not_keep_the_rest_from_being_put_back(
        self, snapshots, copy, nested
    ):
        def work():
            nested()
            (copy / "a.txt").write_text("run\n")

        before, after = await _run(snapshots, work)

        assert await snapshots.undo(before, after) == Undone(("a.txt",), ("nested",))
        assert (copy / "a.txt").read_text() == "1\n2\n"
        assert (copy / "nested/x").read_text() == "x"

    @pytest.mark.parametrize(
        "change",
        [
            lambda sub, _: (sub / "x").write_text("changed, not committed"),
            lambda sub, _: (sub / "new").write_text("untracked"),
            lambda sub, _: (sub / "x").unlink(),
            lambda sub, git: git("commit", "--allow-empty", "--quiet", "-m", "y", cwd=sub),
        ],
    )
    async def test_a_change_within_is_named_and_stays(
        self, snapshots, copy, nested, ask_git, change
    ):
        sub = nested()
        ask_git("add", "nested")
        before, after = await _run(snapshots, lambda: change(sub, ask_git))
        left = _content(sub)

        assert await snapshots.opaque(before, after) == ("nested",)
        assert (await snapshots.diff(before, after)).opaque == ("nested",)
        assert await snapshots.undo(before, after) == Undone((), ("nested",))
        assert _content(sub) == left

    async def test_one_that_is_as_it_was_is_not_named(self, snapshots, copy, nested):
        nested()

        before, after = await _run(snapshots, lambda: _change(copy))

        assert await snapshots.opaque(before, after) == ()

    async def test_what_the_one_above_names_is_not_run_for_it(
        self, snapshots, copy, nested, ask_git, tmp_path
    ):
        """A `.git` that leads to the repository above makes its configuration that of both."""
        sub = nested()
        ask_git("add", "nested")
        shutil.rmtree(sub / ".git")
        _write(sub, {".git": "gitdir: ../.git\n", ".gitattributes": "* filter=trap\n", "x": "y"})
        ask_git("config", "filter.trap.clean", f"sh -c 'touch {tmp_path}/run; cat'")

        before, after = await _run(snapshots, lambda: _write(copy, {"nested/x": "z", "a.txt": "r"}))
        await snapshots.diff(before, after)
        await snapshots.uncommitted()
        await snapshots.undo(before, after)

        assert not (tmp_path / "run").exists()
        assert (copy / "a.txt").read_text() == "1\n2\n"


def _sparse(path):
    with path.open("wb") as file:
        file.truncate(300 * 10**9)


class TestOddFiles:
    async def test_a_pipe_is_passed_over(self, snapshots, copy):
        os.mkfifo(copy / "pipe")

        before, after = await _run(snapshots, lambda: _change(copy))

        assert len((await snapshots.undo(before, after)).paths) == 3

    @pytest.mark.parametrize("make", [os.mkfifo, _sparse])
    async def test_a_file_that_became_something_else_is_named_and_stays(
        self, snapshots, copy, make
    ):
        def work():
            (copy / "a.txt").unlink()
            make(copy / "a.txt")

        before, after = await _run(snapshots, work)
        left = (copy / "a.txt").stat()

        assert await snapshots.opaque(before, after) == ("a.txt",)
        assert await snapshots.undo(before, after) == Undone((), ("a.txt",))
        assert (copy / "a.txt").stat() == left

    async def test_a_file_that_became_a_folder_is_put_back(self, snapshots, copy):
        def work():
            (copy / "a.txt").unlink()
            (copy / "a.txt").mkdir()

        before, after = await _run(snapshots, work)
        await snapshots.undo(before, after)

        assert (copy / "a.txt").read_text() == "1\n2\n"

    async def test_a_file_of_300_gb_is_noted_and_not_read(self, snapshots, copy):
        before, after = await _run(snapshots, lambda: _sparse(copy / "huge"))

        assert await snapshots.opaque(before, after) == ("huge",)
        assert await snapshots.undo(before, after) == Undone((), ("huge",))
        assert (copy / "huge").exists()

    async def test_how_large_a_file_may_be_is_configured(self, copy):
        snapshots = snapshots_of(copy, max_file_mb=1)

        before, after = await _run(
            snapshots, lambda: _write(copy, {"big": b"x" * 1_000_001, "fits": b"x" * 1_000_000})
        )

        assert await snapshots.opaque(before, after) == ("big",)
        assert [file.path for file in await snapshots.files(before, after)] == ["fits"]

    @pytest.mark.parametrize("name", [".gitignore", "sub/.gitattributes"])
    async def test_a_pipe_that_git_would_read_is_named(self, snapshots, copy, name, mocker):
        await snapshots.take(1, Moment.BEFORE)
        (copy / name).unlink(missing_ok=True)
        os.mkfifo(copy / name)
        (copy / "sub/c").write_text("!")
        mocker.patch("butler_run.snapshots.store.READING_S", 1.0)

        with pytest.raises(GitError, match=rf"{name} is no file, so git waits for it"):
            await snapshots.take(1, Moment.AFTER)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
    async def test_a_file_that_cannot_be_read_is_noted(self, snapshots, copy):
        before, after = await _run(snapshots, lambda: (copy / "a.txt").chmod(0))

        assert await snapshots.opaque(before, after) == ("a.txt",)

    async def test_a_file_that_changes_kind_while_it_is_read_is_left_out(
        self, snapshots, copy, mocker, ask_store, caplog
    ):
        look = contents.contents

        def look_and_change(*arguments):
            found = look(*arguments)
            (copy / "new.txt").unlink()
            os.mkfifo(copy / "new.txt")
            return found

        mocker.patch("butler_run.snapshots.capture.contents", look_and_change)
        commit = await snapshots.take(1, Moment.BEFORE)

        listed = ask_store("ls-tree", "-r", "--name-only", commit).split()
        assert listed == [".gitignore", "a.txt", "b.txt", "sub/c"]
        assert "incomplete" in caplog.text


def _loose(git_folder, object_id):
    return git_folder / "objects" / object_id[:2] / object_id.strip()[2:]


def _overwrite(loose, content, kind="blob"):
    loose.chmod(0o600)
    loose.write_bytes(zlib.compress(b"%s %d\0%s" % (kind.encode(), len(content), content)))


class TestStore:
    async def test_the_repository_is_left_as_it_is(self, snapshots, copy):
        was = _content(copy / ".git")
        before, after = await _run(snapshots, lambda: _change(copy))
        await snapshots.diff(before, after)
        await snapshots.undo(before, after)
        await snapshots.prune(kept_s=-5.0)

        assert _content(copy / ".git") == was

    async def test_an_object_that_a_run_overwrote_in_the_repository_is_not_put_back(
        self, snapshots, copy, ask_git
    ):
        loose = _loose(copy / ".git", ask_git("rev-parse", "HEAD:a.txt"))

        def work():
            (copy / "a.txt").write_text("run\n")
            _overwrite(loose, b"evil\n")

        before, after = await _run(snapshots, work)
        await snapshots.undo(before, after)

        assert (copy / "a.txt").read_text() == "1\n2\n"

    @pytest.mark.parametrize(
        "what", ["before:a.txt", "before^{tree}", "after:a.txt", "after^{tree}"]
    )
    async def test_an_object_that_was_overwritten_in_the_store_is_not_put_back(
        self, snapshots, copy, ask_store, what
    ):
        before, after = await _run(snapshots, lambda: (copy / "a.txt").write_text("run\n"))
        (store,) = (copy.parent / "store").iterdir()
        name = what.replace("before", before).replace("after", after)
        kind, content = ("blob", b"evil\n") if ":" in what else ("tree", b"")
        _overwrite(_loose(store, ask_store("rev-parse", name)), content, kind)

        with pytest.raises(UserError, match=r"^Nothing was undone"):
            await snapshots.undo(before, after)
        assert (copy / "a.txt").read_text() == "run\n"

    async def test_nobody_else_can_read_it(self, snapshots, copy):
        before = os.umask(0)
        try:
            await snapshots.take(1, Moment.BEFORE)
        finally:
            os.umask(before)

        (store,) = (copy.parent / "store").iterdir()
        assert store.stat().st_mode & 0o077 == 0

    async def test_many_objects_are_packed_and_snapshots_are_found_all_the_same(
        self, snapshots, copy, mocker
    ):
        mocker.patch("butler_run.snapshots.store._LOOSE_KEPT", 1)
        _write(copy, {f"many/{number}": f"{number}" for number in range(600)})
        before, after = await _run(snapshots, lambda: _change(copy))

        await snapshots.prune()

        (store,) = (copy.parent / "store").iterdir()
        assert list((store / "objects/pack").glob("*.pack"))
        assert len((await snapshots.undo(before, after)).paths) == 3

    async def test_more_files_than_git_is_given_at_a_time_are_kept(self, snapshots, copy, mocker):
        mocker.patch("butler_run.snapshots.capture._FILES_AT_A_TIME", 7)

        before, after = await _run(
            snapshots, lambda: _write(copy, {f"many/{number}": "x" for number in range(50)})
        )

        assert len(await snapshots.files(before, after)) == 50

    async def test_no_program_gets_butlers_environment(
        self, snapshots, copy, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("ANTHROPIC_API_KEY", "hush")
        real = shutil.which("git")
        _write(tmp_path, {"bin/git": f'#!/bin/sh\nenv >> {tmp_path}/env\nexec {real} "$@"\n'})
        (tmp_path / "bin/git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")

        before, after = await _run(snapshots, lambda: _change(copy))
        await snapshots.undo(before, after)
        await snapshots.prune(kept_s=-5.0)

        assert "hush" not in (tmp_path / "env").read_text()


class TestLastVersion:
    """Before there was a store, snapshots were commits in the repository itself."""

    @pytest.fixture
    def take(self, copy, ask_git):
        def taken(moment):
            ask_git("add", "--all")
            tree = ask_git("write-tree").strip()
            commit = ask_git("commit-tree", tree, "-p", "HEAD", "-m", "run").strip()
            ask_git("update-ref", f"refs/butler/runs/1/{moment}", commit)
            return commit

        return taken

    async def test_a_run_can_be_undone_and_shown(self, snapshots, copy, take, ask_git):
        before = take("before")
        _change(copy)
        after = take("after")

        assert summary(await snapshots.files(before, after)) == "3 files +2 −3"
        assert (await snapshots.head(before)).commit == ask_git("rev-parse", "HEAD").strip()
        assert len((await snapshots.undo(before, after)).paths) == 3
        assert (copy / "a.txt").read_text() == "1\n2\n"

    async def test_an_object_that_was_overwritten_is_not_put_back(
        self, snapshots, copy, take, ask_git
    ):
        before = take("before")
        (copy / "a.txt").write_text("run\n")
        after = take("after")
        _overwrite(_loose(copy / ".git", ask_git("rev-parse", f"{before}:a.txt")), b"evil\n")

        with pytest.raises(UserError, match="its snapshots are damaged"):
            await snapshots.undo(before, after)
        assert (copy / "a.txt").read_text() == "run\n"

    async def test_its_refs_and_its_index_are_removed_once_they_are_old(
        self, snapshots, copy, take, ask_git
    ):
        take("before")
        (copy / ".git/butler-index").write_bytes(b"x")

        assert await snapshots.prune() == 0
        assert await snapshots.prune(kept_s=-5.0) == 1
        assert ask_git("for-each-ref", "refs/butler") == ""
        assert not (copy / ".git/butler-index").exists()
