"""Runs git without blocking the loop and without executing code from a working copy.

A working copy is not trusted: its ``.git/config`` may name programs, and so may those of its
submodules; and what is at ``.git`` may lead to another one. So git is led to the git folder that
was checked, and looks at files with a private one (see ``shadow``). Hooks, the file system monitor,
external diffs and pagers are switched off for every call, its submodules are not looked into,
nothing is fetched, prompts are refused, and git takes no locks that it could do without. Filters of
the user's own configuration, such as Git LFS, stay. Of Butler's environment git gets no more than
where programs and the user's configuration are.
"""

import asyncio
import os
import shlex
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from butler.errors import GitError
from butler.repos.shadow import TAKEN, Shadow
from butler.repos.working_copy import WorkingCopy, working_copy

MAX_OUTPUT_BYTES = 64 * 1024 * 1024
MAX_STDERR_BYTES = 4_000

_SAFE_OPTIONS = (
    "--no-pager",
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "commit.gpgSign=false"),
    *("-c", "log.showSignature=false"),
    *("-c", "gc.auto=0"),
    *("-c", "core.quotePath=false"),
)
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
_INHERITED = ("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR")
_ENVIRONMENT = {
    # In a partial clone git fetches what is missing, by programs that its configuration may name.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C.UTF-8",
}


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
        environment: Variables for git, besides where to find programs and the user's own
            configuration. A caller that sets ``GIT_DIR`` is responsible for that folder.
        stdin: The input of git; empty by default.

    Raises:
        GitError: Git is not installed, failed, took too long, or wrote more than 64 MiB; or the
            folder is in no working copy, or in one that leads elsewhere.
    """
    own = dict(environment or {})
    try:
        async with asyncio.timeout(timeout_s):
            if "GIT_DIR" in own:
                return await _run(folder, _plain(arguments), own, stdin)
            return await _asked(folder, arguments, own, stdin)
    except TimeoutError:
        raise GitError(f"git did not answer within {timeout_s:g} s.") from None


async def _asked(
    folder: Path, arguments: Sequence[str], own: dict[str, str], stdin: bytes | None
) -> bytes:
    copy = await asyncio.to_thread(_working_copy, folder)
    led = _led_to(copy) | own
    if _READS_NO_FILES.intersection(arguments[:1]):
        return await _run(folder, _plain(arguments), led, stdin)
    if not _READS_FILES.intersection(arguments[:1]):
        raise GitError(f"git {' '.join(arguments[:1])} could run what the repository names.")
    shadow = await asyncio.to_thread(Shadow, copy, await _values(folder, led))
    try:
        return await _run(folder, _plain(arguments), shadow.environment | own, stdin)
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
        answer = await _run(
            folder, ("config", "--local", "--null", "--get-regexp", pattern), led, None
        )
    except GitError as error:
        if error.status == 1:  # there is none
            return {}
        # Git says no more than that it will not; asked like this it says why.
        await _run(folder, ("rev-parse", "--git-dir"), led, None)
        raise
    entries = (each.partition("\n") for each in os.fsdecode(answer).split("\0"))
    return {key.lower(): value.lower() for key, _, value in entries if key}


async def _run(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str], stdin: bytes | None
) -> bytes:
    process = await _start(folder, arguments, environment, has_stdin=stdin is not None)
    try:
        output, stderr = await _talk(process, stdin)
    finally:
        await _end(process)
    if process.returncode:
        said = stderr.decode(errors="replace").strip()
        raise GitError(_sentence(folder, said), status=process.returncode, stderr=said)
    return output


def _plain(arguments: Sequence[str]) -> Sequence[str]:
    """Add the options that keep the sub-command from running other programs."""
    if _DIFFING.intersection(arguments[:1]):
        return (*arguments[:1], *_PLAIN_DIFF, *arguments[1:])
    if arguments[:1] == ("status",):
        return (*arguments[:1], *_OUTSIDE_ONLY, *arguments[1:])
    return arguments


async def _start(
    folder: Path, arguments: Sequence[str], extra: Mapping[str, str], *, has_stdin: bool
) -> asyncio.subprocess.Process:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    try:
        return await asyncio.create_subprocess_exec(
            "git",
            *_SAFE_OPTIONS,
            *arguments,
            cwd=folder,
            env=inherited | _ENVIRONMENT | dict(extra),
            stdin=asyncio.subprocess.PIPE if has_stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        if error.filename == "git":
            raise GitError("git is not installed on the machine that runs Butler.") from None
        raise GitError("The folder does not exist.") from None
    except (NotADirectoryError, PermissionError) as error:
        raise GitError(f"The folder cannot be entered: {error.strerror}.") from None


async def _talk(process: asyncio.subprocess.Process, stdin: bytes | None) -> tuple[bytes, bytes]:
    async with asyncio.TaskGroup() as pipes:
        output = pipes.create_task(_read(process.stdout, MAX_OUTPUT_BYTES))
        stderr = pipes.create_task(_read(process.stderr, MAX_STDERR_BYTES))
        if process.stdin is not None:
            pipes.create_task(_write(process.stdin, stdin or b""))
    if len(output.result()) > MAX_OUTPUT_BYTES:
        raise GitError(f"git wrote more than {MAX_OUTPUT_BYTES // 2**20} MiB.")
    await process.wait()
    return output.result(), stderr.result()[:MAX_STDERR_BYTES]


async def _read(stream: asyncio.StreamReader | None, limit: int) -> bytes:
    """Return at most ``limit`` + 1 bytes; discard the rest, so that git never blocks."""
    assert stream is not None  # noqa: S101 - both were asked for as pipes
    try:
        kept = await stream.readexactly(limit + 1)
    except asyncio.IncompleteReadError as error:
        return error.partial
    while await stream.read(2**16):
        pass
    return kept


async def _write(stream: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        stream.write(data)
        await stream.drain()
    stream.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _sentence(folder: Path, said: str) -> str:
    if "dubious ownership" in said or "is owned by someone else" in said:  # 2.38, and before
        return (
            "The folder belongs to another user, so git does not trust it. On the machine that "
            f"runs Butler: git config --global --add safe.directory {shlex.quote(str(folder))}"
        )
    if "not a git repository" in said:
        return "The folder is not a git working copy."
    first = said.partition("\n")[0].removeprefix("fatal: ").rstrip(".")
    return f"git failed: {first or 'it gave no reason'}."
