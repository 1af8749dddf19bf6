"""A working copy is the one it was, and leads nowhere else."""

import shutil
import subprocess

import pytest

from butler import GitError, run_git
from butler.repos.working_copy import WorkingCopy, working_copy
from butler.testing import make_working_copy


@pytest.fixture
def api(tmp_path):
    return make_working_copy(tmp_path / "api")


@pytest.fixture
def other(tmp_path):
    other = make_working_copy(tmp_path / "other")
    (other / "secret.txt").write_text("hush\n")
    return other


def git(folder, *arguments):
    subprocess.run(["git", "-c", "protocol.file.allow=always", *arguments], cwd=folder, check=True)


def test_a_folder_in_it_belongs_to_a_working_copy(api):
    (api / "deep" / "down").mkdir(parents=True)

    assert working_copy(api / "deep" / "down") == WorkingCopy(api, api / ".git", api / ".git")


def test_a_folder_in_none_belongs_to_none(tmp_path):
    assert working_copy(tmp_path) is None


def test_a_linked_worktree_is_one(api, tmp_path):
    git(api, "worktree", "add", "--quiet", str(tmp_path / "linked"))

    assert working_copy(tmp_path / "linked") == WorkingCopy(
        tmp_path / "linked", api / ".git/worktrees/linked", api / ".git"
    )


def test_a_submodule_is_one(api, other):
    git(api, "submodule", "--quiet", "add", str(other), "part")

    assert working_copy(api / "part") == WorkingCopy(
        api / "part", api / ".git/modules/part", api / ".git/modules/part"
    )


def test_a_separate_git_folder_is_one_once_it_names_the_working_copy(api, tmp_path):
    git(api, "init", "--quiet", "--separate-git-dir", str(tmp_path / "apart"))

    with pytest.raises(GitError, match="does not lead back") as refused:
        working_copy(api)

    subprocess.run(str(refused.value).partition(", or ")[2].split(), check=True)
    assert working_copy(api) == WorkingCopy(api, tmp_path / "apart", tmp_path / "apart")


def _pointer(api, other):
    (api / ".git").write_text(f"gitdir: {other}/.git\n")


def _link(api, other):
    (api / ".git").symlink_to(other / ".git")


def _linked_worktree_of_another(api, other):
    git(other, "worktree", "add", "--quiet", "../side")
    shutil.copy(other.parent / "side" / ".git", api / ".git")


@pytest.mark.parametrize("lead", [_pointer, _link, _linked_worktree_of_another])
async def test_a_git_folder_of_another_repo_is_not_asked(api, other, lead):
    shutil.rmtree(api / ".git")
    lead(api, other)

    with pytest.raises(GitError, match=r"does not lead back|symbolic link"):
        await run_git(api, "status")


async def test_a_work_tree_named_by_the_configuration_is_not_looked_at(api, other):
    git(api, "config", "core.worktree", str(other))

    assert await run_git(api, "status", "--porcelain") == b""
    assert await run_git(api, "rev-parse", "--show-toplevel") == f"{api}\n".encode()


async def test_a_common_folder_named_by_the_git_folder_is_not_read(api, other, tmp_path):
    (api / ".git" / "commondir").write_text(f"{other}/.git\n")
    git(other, "config", "alias.x", "y")

    with pytest.raises(GitError):
        await run_git(api, "config", "alias.x")


async def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(api):
    import os

    (api / ".git").rename(api / "git")
    os.mkfifo(api / ".git")

    with pytest.raises(GitError, match="not a git working copy"):
        await run_git(api, "status")
