"""Describes the git status of a working copy for a chat."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from butler import GitError, Repo, run_git

FRESH_S = 1.0
ASK_AGAIN_S = 60.0
TIMEOUT_S = 5.0
_UNBORN = "(initial)"
_DETACHED = "(detached)"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a working copy.

    Attributes:
        branch: The branch in words, such as ``on branch main``.
        changed: The number of files that differ from the last commit, including untracked ones.
        last_commit: Its short id, subject and age; None if there is none.
    """

    branch: str
    changed: int
    last_commit: str | None


Head = tuple[int, int]
"""Inode and time of a ``HEAD`` file; git replaces the file to change it."""


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """What /use says of a repo.

    Attributes:
        branch: The branch as the end of a sentence: ``, on branch main.``; if git fails, a sentence
            that says why.
        settings: Files and folders that agents take settings, tools and hooks from.
        hooks: The hooks that git runs.
    """

    branch: str
    settings: tuple[str, ...]
    hooks: tuple[str, ...]


@dataclass(slots=True)
class _Known:
    copy: WorkingCopy
    head: Head | None
    asked_at: float
    looked_at: float


class WorkingCopies:
    """Caches what /use says of each repo.

    Selecting a repo is the most frequent command, and git takes about a hundred times as long as
    the rest of it. So the disk is checked once a second per repo, and git runs only if ``HEAD``
    was replaced or a minute has passed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._looking: dict[str, asyncio.Task[WorkingCopy]] = {}

    async def of(self, repo: Repo) -> WorkingCopy:
        """Return what the working copy of a repo was like within the last second.

        Raises:
            UnusableRepoError: The folder cannot be used.
        """
        known = self._known.get(repo.name)
        if known is not None and self._clock() - known.looked_at < FRESH_S:
            return known.copy
        looking = self._looking.get(repo.name)
        if looking is None:
            looking = self._looking[repo.name] = asyncio.create_task(self._look(repo))
            looking.add_done_callback(lambda _task: self._looking.pop(repo.name, None))
        return await asyncio.shield(looking)

    async def _look(self, repo: Repo) -> WorkingCopy:
        head = await asyncio.to_thread(_head, repo)
        brought = await asyncio.to_thread(repo.brought)
        now = self._clock()
        known = self._known.get(repo.name)
        if known and head and known.head == head and now - known.asked_at < ASK_AGAIN_S:
            branch, asked_at = known.copy.branch, known.asked_at
        else:
            branch, head = await _said_of_branch(repo.path, head)
            now = asked_at = self._clock()
        copy = WorkingCopy(branch, brought.settings, brought.hooks)
        self._known[repo.name] = _Known(copy, head, asked_at, now)
        return copy


async def _said_of_branch(folder: Path, head: Head | None) -> tuple[str, Head | None]:
    """Return the end of a sentence, and for which ``HEAD`` it holds; None if git failed."""
    try:
        return f", {await _branch(folder)}.", head
    except GitError as error:
        return f". {error}", None


def _head(repo: Repo) -> Head | None:
    """Raise if the folder cannot be used; return None if its ``HEAD`` is elsewhere."""
    repo.check_usable()
    try:
        found = (repo.path / ".git" / "HEAD").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


async def _branch(folder: Path) -> str:
    try:
        name = await run_git(folder, "symbolic-ref", "--short", "HEAD", timeout_s=TIMEOUT_S)
    except GitError as error:
        if "not a symbolic ref" not in error.stderr:
            raise
        commit = await run_git(folder, "rev-parse", "--short", "HEAD", timeout_s=TIMEOUT_S)
        return f"at commit {_text(commit)}, on no branch"
    return f"on branch {_text(name)}"


async def status(folder: Path) -> Status:
    """Query the git status of ``folder``.

    Raises:
        GitError: It is not a working copy, or git timed out.
    """
    report = await run_git(
        folder, "status", "--porcelain=v2", "--branch", "-z", timeout_s=TIMEOUT_S
    )
    head, commit, changed = _parsed(report.decode(errors="replace"))
    if commit == _UNBORN:
        return Status(f"on branch {head}", changed, None)
    branch = f"at commit {commit[:7]}, on no branch" if head == _DETACHED else f"on branch {head}"
    return Status(branch, changed, await _last_commit(folder))


def _parsed(report: str) -> tuple[str, str, int]:
    """Return branch, commit and number of changed files from porcelain v2 with NUL endings.

    A renamed file has a second entry, its old name, which no line type announces (git-status).
    """
    head, commit, changed = "", _UNBORN, 0
    entries = iter(report.split("\0"))
    for entry in entries:
        if entry.startswith("# branch.head "):
            head = entry.removeprefix("# branch.head ")
        elif entry.startswith("# branch.oid "):
            commit = entry.removeprefix("# branch.oid ")
        elif entry and not entry.startswith("#"):
            changed += 1
            if entry.startswith("2 "):
                next(entries, None)
    return head, commit, changed


async def _last_commit(folder: Path) -> str:
    line = await run_git(
        folder, "log", "-1", "--no-show-signature", "--format=%h %s (%cr)", timeout_s=TIMEOUT_S
    )
    return _text(line)


def _text(output: bytes) -> str:
    return output.decode(errors="replace").strip()
