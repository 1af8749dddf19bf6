"""Checks the repos, for `butler check`: git is asked in each of them."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence

from butler.chat.text import listed
from butler.core.check_result import Finding
from butler.errors import GitError
from butler.repos.git import run_git
from butler.repos.registry import Repo, RepoRegistry
from butler.repos.working_copy import working_copy

_AT_A_TIME = 8
_NO_GIT = "git is not installed, so there is no /diff, no /undo and no branch in /repo"


def repo_findings(registry: RepoRegistry) -> list[Finding]:
    """Report on git, on each repo, and on what stands in the folders of repos."""
    repos, git = list(registry), shutil.which("git")
    problems = [repo.problem() for repo in repos]
    if git is not None:
        problems = asyncio.run(_with_those_of_git(repos, problems))
    return [
        Finding(git is not None, "git", git or _NO_GIT),
        *(_repo(*each, is_tried=git is not None) for each in zip(repos, problems, strict=True)),
        *(note for repo in repos for note in _brought(repo)),
        *(Finding(False, "repo_folders", each) for each in registry.folder_problems),
        *(Finding(True, "repo_folders", each, is_note=True) for each in registry.skipped),
        *_none(repos),
    ]


def _repo(repo: Repo, problem: str | None, *, is_tried: bool) -> Finding:
    if problem is None and working_copy(repo.path) is None:
        said = f"{repo.path} is not under git, so there is no /diff and no /undo"
        return Finding(True, f"repo {repo.name}", said, is_note=True)
    if problem is None and not is_tried:
        return Finding(True, f"repo {repo.name}", f"{repo.path}, not tried without git", True)
    detail = f"{repo.path}{f' {problem}' if problem else ''}"
    return Finding(problem is None, f"repo {repo.name}", detail)


def _brought(repo: Repo) -> Iterator[Finding]:
    brought, subject = repo.brought(), f"repo {repo.name}"
    if brought.settings:
        what = "agents take what they say" if repo.is_trusted else "agents do not read them"
        said = f"brings {listed(brought.settings)}; {what} (trusted = {_toml(repo.is_trusted)})"
        yield Finding(True, subject, said, is_note=True)
    if brought.hooks:
        said = f"has hooks, which git runs for everybody who works there: {listed(brought.hooks)}"
        yield Finding(True, subject, said, is_note=True)


def _toml(value: bool) -> str:  # noqa: FBT001 - it is no option
    return str(value).lower()


def _none(repos: Sequence[Repo]) -> Iterator[Finding]:
    if not repos:
        yield Finding(False, "repos", "none; configure one under [repos.<name>]")


async def _with_those_of_git(
    repos: Sequence[Repo], problems: Sequence[str | None]
) -> list[str | None]:
    """Ask git in each repo that has no problem yet."""
    room = asyncio.Semaphore(_AT_A_TIME)

    async def asked(repo: Repo, problem: str | None) -> str | None:
        if problem is not None or working_copy(repo.path) is None:
            return problem
        async with room:
            return await _problem_of_git(repo)

    return await asyncio.gather(*map(asked, repos, problems))


async def _problem_of_git(repo: Repo) -> str | None:
    try:
        await run_git(repo.path, "status", "--porcelain", "--untracked-files=no")
    except GitError as error:
        return f"cannot be used: {error}"
    return None
