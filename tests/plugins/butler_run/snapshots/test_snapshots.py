"""Snapshots keep and put back files, and run nothing that a repository names."""

import asyncio
import time
from pathlib import Path

import pytest

from butler import GitError
from butler_run.snapshots.changes import summary
from butler_run.snapshots.restoration import ChangedSinceError, Undone
from butler_run.snapshots.snapshots import Moment, SnapshotFolder


def snapshots_of(folder, max_file_mb=100):
    return SnapshotFolder(folder.parent / "store", max_file_mb).of(folder)


def _write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _files(folder):
    paths = [p for p in folder.rglob("*") if ".git" not in p.relative_to(folder).parts]
    return {
        str(p.relative_to(folder)): (str(p.readlink()) if p.is_symlink() else p.read_bytes())
        for p in paths
        if not p.is_dir()
    }


async def _next_second():
    """Wait until the clock of files, whose seconds git compares, shows another one."""
    await asyncio.sleep(1.01 - time.time() % 1)


async def _run(snapshots, work):
    """Return the snapshots before and after ``work``."""
    before = await snapshots.take(1, Moment.BEFORE)
    work()
    return before, await snapshots.take(1, Moment.AFTER)


async def test_a_snapshot_holds_all_files_but_ignored_ones(snapshots, ask_store):
    commit = await snapshots.take(7, Moment.BEFORE)

    listed = ask_store("ls-tree", "-r", "--name-only", "refs/butler/runs/7/before").split()
    assert listed == [".gitignore", "a.txt", "b.txt", "new.txt", "sub/c"]
    assert ask_store("show", f"{commit}:b.txt") == "changed\n"


async def test_a_snapshot_touches_neither_index_nor_branch_nor_files(snapshots, copy, ask_git):
    index, files = (copy / ".git/index").read_bytes(), _files(copy)
    branches = ask_git("for-each-ref", "refs/heads"), ask_git("rev-parse", "HEAD")

    await snapshots.take(1, Moment.BEFORE)

    assert (copy / ".git/index").read_bytes() == index
    assert (ask_git("for-each-ref", "refs/heads"), ask_git("rev-parse", "HEAD")) == branches
    assert _files(copy) == files


async def test_a_repository_without_a_commit_can_be_kept(empty_copy):
    _write(empty_copy, {"a": "1\n"})
    snapshots = snapshots_of(empty_copy)

    before, after = await _run(snapshots, lambda: (empty_copy / "a").write_text("2\n"))
    await snapshots.undo(before, after)

    assert (empty_copy / "a").read_text() == "1\n"


async def test_a_change_of_the_same_size_within_the_same_second_is_kept(empty_copy):
    file = empty_copy / "a"
    await _next_second()
    file.write_text("1\n")
    before = await snapshots_of(empty_copy).take(1, Moment.BEFORE)
    file.write_text("2\n")
    await _next_second()

    after = await snapshots_of(empty_copy).take(1, Moment.AFTER)

    diff = await snapshots_of(empty_copy).diff(before, after)
    assert [change.path for change in diff.files] == ["a"]


async def test_an_empty_working_copy_can_be_kept(empty_copy):
    snapshots = snapshots_of(empty_copy)

    before, after = await _run(snapshots, lambda: _write(empty_copy, {"made/x": "x"}))
    await snapshots.undo(before, after)

    assert _files(empty_copy) == {}


async def test_a_repository_of_sha256_can_be_kept(tmp_path, ask_git):
    folder = tmp_path / "sha256"
    ask_git("init", "--quiet", "--object-format=sha256", str(folder), cwd=tmp_path)
    _write(folder, {"a": "1\n"})

    assert len(await snapshots_of(folder).take(1, Moment.BEFORE)) == 64


async def test_a_linked_worktree_can_be_kept(copy, tmp_path, ask_git):
    ask_git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    linked = snapshots_of(tmp_path / "linked")

    before, after = await _run(linked, lambda: (tmp_path / "linked/a.txt").write_text("x"))
    await linked.undo(before, after)

    assert (tmp_path / "linked/a.txt").read_text() == "1\n2\n"


async def test_a_tracked_file_that_is_ignored_is_kept(snapshots, copy, ask_git):
    _write(copy, {"kept.log": "1\n", "gone.log": "1\n"})
    ask_git("add", "--force", "kept.log", "gone.log")
    (copy / "gone.log").unlink()

    before, after = await _run(snapshots, lambda: (copy / "kept.log").write_text("2\n"))
    await snapshots.undo(before, after)

    assert (copy / "kept.log").read_text() == "1\n"


async def test_a_snapshot_is_kept_under_the_number_of_its_run(snapshots, ask_store):
    commit = await snapshots.take(3, Moment.BEFORE)

    assert ask_store("rev-parse", "refs/butler/runs/3/before") == f"{commit}\n"


async def test_a_folder_that_is_no_working_copy_is_an_error(tmp_path):
    with pytest.raises(GitError, match="not a git working copy"):
        await snapshots_of(tmp_path).take(1, Moment.BEFORE)


def _work(copy):
    (copy / "a.txt").write_text("1\n2\n3\n")
    (copy / "sub/c").unlink()
    _write(
        copy, {"made/deep.txt": "d\n", "pic.bin": b"\0\1", "-rf": "x\n", 'naïve "x"\n.txt': "y\n"}
    )
    (copy / "link").symlink_to("/etc/passwd")
    (copy / "new.txt").chmod(0o755)


async def test_a_diff_tells_files_and_lines(snapshots, copy):
    before, after = await _run(snapshots, lambda: _work(copy))

    diff = await snapshots.diff(before, after)

    assert summary(diff.files) == "8 files +5 −1"
    assert "+3\n" in diff.text
    assert {f.path: (f.added, f.removed) for f in diff.files}["pic.bin"] == (None, None)


async def test_a_diff_to_the_working_copy_tells_what_is_there_now(snapshots, copy):
    before = await snapshots.take(1, Moment.BEFORE)
    (copy / "a.txt").write_text("1\n2\nmore\n")

    diff = await snapshots.diff(before)

    assert [(f.path, f.added, f.removed) for f in diff.files] == [("a.txt", 1, 0)]


async def test_undo_puts_everything_back(snapshots, copy):
    files = _files(copy)
    before, after = await _run(snapshots, lambda: _work(copy))

    undone = await snapshots.undo(before, after)

    assert _files(copy) == files
    assert not (copy / "made").exists()
    assert not (copy / "new.txt").stat().st_mode & 0o111
    assert len(undone.paths) == 8


async def test_undo_leaves_what_others_changed_elsewhere(snapshots, copy):
    before, after = await _run(snapshots, lambda: (copy / "a.txt").write_text("run"))
    (copy / "b.txt").write_text("by hand")

    await snapshots.undo(before, after)

    assert (copy / "a.txt").read_text() == "1\n2\n"
    assert (copy / "b.txt").read_text() == "by hand"


async def test_undo_refuses_if_a_file_was_changed_since_and_touches_nothing(snapshots, copy):
    before, after = await _run(
        snapshots, lambda: _write(copy, {"a.txt": "run", "made/deep.txt": "x"})
    )
    _write(copy, {"made/deep.txt": "by hand"})
    files = _files(copy)

    with pytest.raises(ChangedSinceError, match=r"made/deep\.txt") as caught:
        await snapshots.undo(before, after)

    assert caught.value.paths == ("made/deep.txt",)
    assert _files(copy) == files


async def test_undo_is_content_with_a_file_that_is_as_it_was_before(snapshots, copy):
    before, after = await _run(
        snapshots, lambda: _write(copy, {"a.txt": "run", "made/deep.txt": "x"})
    )
    (copy / "made/deep.txt").unlink()

    assert await snapshots.undo(before, after) == Undone(("a.txt",))


async def test_undo_refuses_if_a_folder_is_where_a_file_was(snapshots, copy):
    before, after = await _run(snapshots, (copy / "a.txt").unlink)
    _write(copy, {"a.txt/by-hand": "x"})

    with pytest.raises(ChangedSinceError):
        await snapshots.undo(before, after)


async def test_undo_refuses_if_a_file_is_where_a_folder_was(snapshots, copy):
    def work():
        (copy / "sub/c").unlink()
        (copy / "sub").rmdir()

    before, after = await _run(snapshots, work)
    (copy / "sub").write_text("by hand")

    with pytest.raises(ChangedSinceError, match="sub"):
        await snapshots.undo(before, after)
    assert (copy / "sub").read_text() == "by hand"


async def test_undo_twice_does_nothing_the_second_time(snapshots, copy):
    before, after = await _run(snapshots, lambda: _work(copy))
    await snapshots.undo(before, after)

    assert await snapshots.undo(before, after) == Undone(())


async def test_many_names_are_not_all_listed():
    error = ChangedSinceError(f"{number:02}" for number in range(12))

    assert str(error).endswith("08, 09 and 2 more.")


async def test_files_are_kept_byte_by_byte(snapshots, copy):
    _write(copy, {".gitattributes": "* text=auto eol=lf ident\n", "dos.txt": "a\r\n$Id$\r\n"})

    before, after = await _run(snapshots, lambda: (copy / "dos.txt").write_text("x"))
    await snapshots.undo(before, after)

    assert (copy / "dos.txt").read_bytes() == b"a\r\n$Id$\r\n"


@pytest.mark.parametrize("owner", ["repository", "user"])
async def test_nothing_that_a_configuration_names_is_run(snapshots, copy, ask_git, tmp_path, owner):
    # Git LFS installs its filter in the user's configuration.
    of_user = ("--file", str(Path.home() / ".gitconfig"))
    place = of_user if owner == "user" else ("--local",)
    trap = f"sh -c 'touch {tmp_path}/run; cat'"
    for key in (
        *("filter.trap.clean", "filter.trap.smudge", "filter.trap.process", "diff.external"),
        *("diff.trap.command", "diff.trap.textconv", "core.fsmonitor", "core.pager"),
        *("gpg.program", "core.editor", "credential.helper", "core.sshCommand"),
    ):
        ask_git("config", *place, key, trap)
    for key in ("filter.trap.required", "commit.gpgSign", "core.autocrlf"):
        ask_git("config", *place, key, "true")
    for hook in ("post-index-change", "reference-transaction", "post-checkout", "pre-commit"):
        _write(copy, {f".git/hooks/{hook}": f"#!/bin/sh\ntouch {tmp_path}/run\n"})
        (copy / ".git/hooks" / hook).chmod(0o755)
    _write(copy, {".gitattributes": "* filter=trap diff=trap\n"})
    _write(copy, {".git/info/attributes": "* filter=trap diff=trap\n"})

    before, after = await _run(snapshots, lambda: _work(copy))
    await snapshots.diff(before, after)
    await snapshots.undo(before, after)
    await snapshots.prune()

    assert not (tmp_path / "run").exists()
    assert (copy / "a.txt").read_text() == "1\n2\n"


async def test_old_snapshots_are_forgotten(snapshots, ask_store):
    await snapshots.take(1, Moment.BEFORE)

    assert await snapshots.prune() == 0
    assert await snapshots.prune(kept_s=-5.0) == 1
    assert ask_store("for-each-ref") == ""


async def test_a_snapshot_leaves_nothing_in_the_folder_for_temporary_files(
    snapshots, tmp_path, monkeypatch
):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))

    await snapshots.take(1, Moment.BEFORE)

    assert list((tmp_path / "tmp").iterdir()) == []
