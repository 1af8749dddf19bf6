"""A branch is said as it is, and git is asked no more often than needed."""

import shutil
import subprocess

import pytest

from butler import Repo, UserError
from butler.testing import make_working_copy
from butler_session import git_status
from butler_session.git_status import ASK_AGAIN_S, FRESH_S, WorkingCopies


@pytest.fixture
def repo(tmp_path):
    make_working_copy(tmp_path / "api")
    return Repo("api", tmp_path / "api")


@pytest.fixture
def asked(mocker):
    """Return what counts the calls of git."""
    return mocker.spy(git_status, "run_git")


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def checkout(repo, *arguments):
    subprocess.run(["git", "checkout", "-q", *arguments], cwd=repo.path, check=True)


async def test_git_is_not_asked_again_while_head_is_the_same(repo, asked, clock):
    copies = WorkingCopies(clock)
    answers = [(await copies.of(repo)).branch]
    clock.now += FRESH_S
    answers.append((await copies.of(repo)).branch)

    assert answers == [", on branch main."] * 2
    assert asked.call_count == 1


async def test_another_branch_is_seen_within_a_second(repo, clock):
    copies = WorkingCopies(clock)
    await copies.of(repo)
    checkout(repo, "-b", "next")
    clock.now += FRESH_S

    assert (await copies.of(repo)).branch == ", on branch next."


async def test_what_a_repo_brings_is_seen_within_a_second(repo, asked, clock):
    copies = WorkingCopies(clock)
    await copies.of(repo)
    (repo.path / ".claude").mkdir()
    clock.now += FRESH_S

    assert (await copies.of(repo)).settings == (".claude",)
    assert asked.call_count == 1


async def test_git_is_asked_again_after_a_minute(repo, asked, clock):
    copies = WorkingCopies(clock)
    await copies.of(repo)
    clock.now += ASK_AGAIN_S
    await copies.of(repo)

    assert asked.call_count == 2


async def test_a_working_copy_whose_head_is_elsewhere_is_asked_each_time(repo, clock, tmp_path):
    subprocess.run(
        ["git", "worktree", "add", "-q", "-b", "side", str(tmp_path / "side")],
        cwd=repo.path,
        check=True,
    )
    side = Repo("side", tmp_path / "side")
    copies = WorkingCopies(clock)
    assert (await copies.of(side)).branch == ", on branch side."
    checkout(side, "-b", "other")
    clock.now += FRESH_S

    assert (await copies.of(side)).branch == ", on branch other."


async def test_what_git_refused_is_asked_again(repo, clock):
    copies = WorkingCopies(clock)
    (repo.path / ".git" / "HEAD").rename(repo.path / ".git" / "HEAD.away")
    assert (await copies.of(repo)).branch == ". The folder is not a git working copy."
    (repo.path / ".git" / "HEAD.away").rename(repo.path / ".git" / "HEAD")
    clock.now += FRESH_S

    assert (await copies.of(repo)).branch == ", on branch main."


async def test_a_folder_that_went_away_is_refused(repo, clock):
    copies = WorkingCopies(clock)
    await copies.of(repo)
    shutil.rmtree(repo.path)
    clock.now += FRESH_S

    with pytest.raises(UserError, match="cannot be used"):
        await copies.of(repo)
