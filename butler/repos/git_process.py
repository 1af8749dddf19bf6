"""Runs the program git without blocking the loop, in an environment of its own."""

import asyncio
import os
import shlex
import signal
from collections.abc import Mapping, Sequence
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
_INHERITED = ("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR")
_ENVIRONMENT = {
    # In a partial clone git fetches what is missing, by programs that its configuration may name.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    # The user's configuration may name files and sockets that git reports all it does to.
    "GIT_TRACE2": "0",
    "GIT_TRACE2_EVENT": "0",
    "GIT_TRACE2_PERF": "0",
    "LC_ALL": "C.UTF-8",
}


async def run(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str], stdin: bytes | None
) -> bytes:
    """Run git in ``folder`` and return what it wrote to stdout.

    Raises:
        GitError: Git is not installed, failed, or wrote more than 64 MiB.
    """
    start = _start(folder, arguments, environment, has_stdin=stdin is not None)
    process = await _whole(asyncio.ensure_future(start))
    try:
        output, stderr = await _talk(process, stdin)
    finally:
        await _end(process)
    if process.returncode:
        said = stderr.decode(errors="replace").strip()
        raise GitError(_sentence(folder, said), status=process.returncode, stderr=said)
    return output


async def _whole(
    starting: asyncio.Future[asyncio.subprocess.Process],
) -> asyncio.subprocess.Process:
    """Wait for a start; one that is cancelled halfway would leave the children of git behind."""
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(GitError):
            await _end(await starting)
        raise


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
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            stream.write(data)
            await stream.drain()
    finally:
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
