"""Runs git without blocking the loop and without executing code from a working copy.

A working copy is not trusted: its ``.git/config`` may name programs, and so may those of its
submodules; and what is at ``.git`` may lead to another one. So git is led to the git folder that
was checked, and looks at files with a private one (see ``shadow``). Hooks, the file system monitor,
external diffs and pagers are switched off for every call, its submodules are not looked into,
nothing is fetched, prompts are refused, and git takes no locks that it could do without. In place
of the user's own configuration it reads one of Butler's (see ``users_configuration``). Of Butler's
environment git gets no more than where programs and the home folder are.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from butler.errors import GitError
from butler.repos.git_process import run
from butler.repos.shadow import TAKEN, Shadow
from butler.repos.users_configuration import UsersConfiguration
from butler.repos.working_copy import WorkingCopy, working_copy

_DIFFING = frozenset({"diff", "diff-files", "diff-index", "diff-tree", "log", "show"})
# Git looks for changes in a submodule by running `git status` in it, with its configuration.
_OUTSIDE_ONLY = ("--ignore-submodules=dirty",)
_PLAIN_DIFF = ("--no-ext-diff", "--no-textconv", *_OUTSIDE_ONLY)
_READS_FILES = frozenset(
    {"blame", "describe", "diff", "diff-files", "diff-index", "grep", "ls-files", "status"}
)
_READS_NO_FILES = frozenset(
    {
        *("cat-file", "config", "diff-tree", "for-each-ref", "hash-object", "log", "ls-tree"),
        *("merge-base", "rev-list", "rev-parse", "shortlog", "show", "show-ref"),
        *("symbolic-ref", "update-ref", "var"),
    }
)
_users_configuration = UsersConfiguration()


async def run_git(
    folder: Path,
    *arguments: str,
    timeout_s: float = 10.0,
    environment: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> bytes:
    """Ask git about ``folder`` and return what it wrote to stdout.

    Args:
        folder: The working copy, or a folder in it.
        arguments: The sub-command and its arguments; the caller puts ``--`` before untrusted
            values. It must be one that changes no files.
        timeout_s: Seconds after which git and its children are killed.
        environment: Variables for git, besides where to find programs and the home folder. A
            caller that sets ``GIT_DIR`` is responsible for that folder.
        stdin: The input of git; empty by default.

    Raises:
        GitError: Git is not installed, failed, took too long, or wrote more than 64 MiB; or the
            folder is in no working copy, or in one that leads elsewhere.
    """
    own = dict(environment or {})
    try:
        async with asyncio.timeout(timeout_s):
            async with _users_configuration.replaced() as replaced:
                if "GIT_DIR" in own:
                    return await run(folder, _plain(arguments), replaced | own, stdin)
                return await _asked(folder, arguments, replaced | own, stdin)
    except TimeoutError:
        raise GitError(f"git did not answer within {timeout_s:g} s.") from None


async def _asked(
    folder: Path, arguments: Sequence[str], own: dict[str, str], stdin: bytes | None
) -> bytes:
    copy = await asyncio.to_thread(_working_copy, folder)
    led = _led_to(copy) | own
    if _READS_NO_FILES.intersection(arguments[:1]):
        return await run(folder, _plain(arguments), led, stdin)
    if not _READS_FILES.intersection(arguments[:1]):
        raise GitError(f"git {' '.join(arguments[:1])} could run what the repository names.")
    shadow = await asyncio.to_thread(Shadow, copy, await _values(folder, led))
    try:
        return await run(folder, _plain(arguments), shadow.environment | own, stdin)
    finally:
        await asyncio.to_thread(shadow.remove)


def _working_copy(folder: Path) -> WorkingCopy:
    try:
        copy = working_copy(folder)
    except OSError as error:
        raise GitError(f"The folder cannot be entered: {error.strerror}.") from None
    if copy is None:
        raise GitError(_problem(folder))
    return copy


def _problem(folder: Path) -> str:
    if not folder.exists():
        return "The folder does not exist."
    return "The folder is not a git working copy."


def _led_to(copy: WorkingCopy) -> dict[str, str]:
    """Return the variables that keep git from any other place, whatever it reads on the way."""
    return {
        "GIT_CEILING_DIRECTORIES": str(copy.top.parent),
        "GIT_WORK_TREE": str(copy.top),
        "GIT_COMMON_DIR": str(copy.common_folder),
    }


async def _values(folder: Path, led: Mapping[str, str]) -> dict[str, str]:
    """Return what the repository's configuration says of the disk."""
    pattern = f"^({'|'.join(TAKEN).replace('.', '[.]')})$"
    try:
        answer = await run(
            folder, ("config", "--local", "--null", "--get-regexp", pattern), led, None
        )
    except GitError as error:
        if error.status == 1:  # there is none
            return {}
        # Git says no more than that it will not; asked like this it says why.
        await run(folder, ("rev-parse", "--git-dir"), led, None)
        raise
    entries = (each.partition("\n") for each in os.fsdecode(answer).split("\0"))
    return {key.lower(): value.lower() for key, _, value in entries if key}


def _plain(arguments: Sequence[str]) -> Sequence[str]:
    """Add the options that keep the sub-command from running other programs."""
    if _DIFFING.intersection(arguments[:1]):
        return (*arguments[:1], *_PLAIN_DIFF, *arguments[1:])
    if arguments[:1] == ("status",):
        return (*arguments[:1], *_OUTSIDE_ONLY, *arguments[1:])
    return arguments
