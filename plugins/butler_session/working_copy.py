"""What git says about a working copy, in words for a chat."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from butler import GitError, Repo, run_git

FRESH_S = 1.0
TIMEOUT_S = 5.0
_UNBORN = "(initial)"
_DETACHED = "(detached)"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a working copy.

    Attributes:
        branch: In words: ``main``, or that there is none.
        changed: How many files differ from the last commit, untracked ones included.
        last_commit: Its short id, subject and age; None if there is none.
    """

    branch: str
    changed: int
    last_commit: str | None


class Branches:
    """The branch of each repo; the disk and git are asked at most once a second for each.

    Selecting a repo is the most frequent command, and git takes some hundred times as long as
    everything else in it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[Path, tuple[float, str]] = {}
        self._asking: dict[Path, asyncio.Task[str]] = {}

    async def of(self, repo: Repo) -> str:
        """Return the branch as the end of a sentence: ``, on branch main.``

        Where git has no answer, a sentence of its own says why.

        Raises:
            UnusableRepoError: The folder cannot be used.
        """
        known = self._known.get(repo.path)
        if known is not None and self._clock() - known[0] < FRESH_S:
            return known[1]
        asking = self._asking.get(repo.path)
        if asking is None:
            asking = self._asking[repo.path] = asyncio.create_task(self._ask(repo))
            asking.add_done_callback(lambda _task: self._asking.pop(repo.path, None))
        return await asyncio.shield(asking)

    async def _ask(self, repo: Repo) -> str:
        await asyncio.to_thread(repo.check_usable)
        try:
            answer = f", {await _branch(repo.path)}."
        except GitError as error:
            answer = f". {error}"
        self._known[repo.path] = (self._clock(), answer)
        return answer


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
    """Ask git for the state of ``folder``.

    Raises:
        GitError: It is no working copy, or git did not answer in time.
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
