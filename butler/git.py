"""Asking git, without blocking the loop and without running what a working copy contains.

A working copy is not trusted: its ``.git/config`` may name programs. Hooks, the file system
monitor, external diffs and pagers are switched off for every call, prompts are refused, and git
takes no locks that it could do without.
"""

import asyncio
import os
import shlex
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from butler.errors import GitError

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
_PLAIN_DIFF = ("--no-ext-diff", "--no-textconv")
_ENVIRONMENT = {
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
    """Run git in ``folder`` and return what it wrote to stdout.

    Args:
        folder: The working copy.
        arguments: The sub-command and its arguments; the caller puts ``--`` before what it was
            told by others.
        timeout_s: After so many seconds git and its children are killed.
        environment: Variables for git, besides Butler's own without ``GIT_…``.
        stdin: What git reads; nothing by default.

    Raises:
        GitError: Git is not installed, failed, took too long, or wrote more than 64 MiB.
    """
    process = await _start(folder, arguments, environment or {}, has_stdin=stdin is not None)
    try:
        async with asyncio.timeout(timeout_s):
            output, stderr = await _talk(process, stdin)
    except TimeoutError:
        raise GitError(f"git did not answer within {timeout_s:g} s.") from None
    finally:
        await _end(process)
    if process.returncode:
        said = stderr.decode(errors="replace").strip()
        raise GitError(_sentence(folder, said), status=process.returncode, stderr=said)
    return output


async def _start(
    folder: Path, arguments: tuple[str, ...], extra: Mapping[str, str], *, has_stdin: bool
) -> asyncio.subprocess.Process:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    try:
        return await asyncio.create_subprocess_exec(
            "git",
            *_SAFE_OPTIONS,
            *arguments[:1],
            *(_PLAIN_DIFF if _DIFFING.intersection(arguments[:1]) else ()),
            *arguments[1:],
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
    """Return at most ``limit`` + 1 bytes; the rest is read and thrown away, so git never blocks."""
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
            "The folder belongs to somebody else, so git does not trust it. On the machine that "
            f"runs Butler: git config --global --add safe.directory {shlex.quote(str(folder))}"
        )
    if "not a git repository" in said:
        return "The folder is no git working copy."
    first = said.partition("\n")[0].removeprefix("fatal: ").rstrip(".")
    return f"git failed: {first or 'it gave no reason'}."
