"""Butler's own git folder for the snapshots of one working copy.

An agent can write the git folder of its working copy: it could name programs there that git runs
(filters, hooks, a file system monitor), and overwrite objects. So the snapshots have a git folder
of their own in Butler's data folder, with a configuration of its own, whose ``info/attributes``,
which git puts above every other, switch filters and conversions off. All that is held is in its
objects, and what is put back is checked against its ids first. So files of Git LFS are kept as they
are on disk, not as pointers.
"""

import asyncio
import hashlib
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from butler import GitError, run_git
from butler_run.snapshots.changes import shown
from butler_run.snapshots.repository import Repository

# What reads the working copy can be made to wait by what is in it, such as a pipe for .gitignore.
READING_S = 10.0
_PACKING_S = 600.0
_LOOSE_KEPT = 2_000
_MAX_EXCLUDE_BYTES = 1_000_000
_ATTRIBUTES = "* -filter -text -eol -crlf -ident -working-tree-encoding\n"
_preparing = threading.Lock()
"""Held while a store is made, as two snapshots may be the first at the same time."""

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Butler",
    "GIT_AUTHOR_EMAIL": "butler@localhost",
    "GIT_COMMITTER_NAME": "Butler",
    "GIT_COMMITTER_EMAIL": "butler@localhost",
}


class Store:
    """The git folder, with an index of its own for each use at the same time.

    An index starts as the one that the last use left behind, so that git need not read again the
    files that are as they were.

    Attributes:
        folder: The git folder, created if it is not there.
        repository: The repository whose working copy it is.
        max_file_bytes: Of a larger file it is only noted that it changed.
        work: A folder of this use, removed after it.
        with_repository: The environment in which git finds the repository's objects, too.
    """

    def __init__(self, folder: Path, repository: Repository, max_file_bytes: int) -> None:
        self.folder = folder
        self.repository = repository
        self.max_file_bytes = max_file_bytes
        with _preparing:
            self._prepare()
        self.work = Path(tempfile.mkdtemp(prefix="work-", dir=folder))
        self._index = self.work / "index"
        self._environment = _IDENTITY | {
            "GIT_DIR": str(folder),
            "GIT_WORK_TREE": str(repository.top),
            "GIT_INDEX_FILE": str(self._index),
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_ATTR_NOSYSTEM": "1",
        }
        # Its last commit is there, and snapshots of the versions of Butler without a store.
        self.with_repository = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(repository.objects)}
        with suppress(FileNotFoundError):
            shutil.copy2(folder / "index", self._index)  # its time tells git what to read again

    def _prepare(self) -> None:
        if not (self.folder / "HEAD").exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("refs", "objects", "info"):
                (self.folder / name).mkdir(exist_ok=True)
            (self.folder / "config").write_text(_configuration(self.repository.object_format))
            (self.folder / "info" / "attributes").write_text(_ATTRIBUTES)
            (self.folder / "HEAD").write_text("ref: refs/heads/main\n")
        (self.folder / "info" / "exclude").write_bytes(_start_of(self.repository.exclude))

    def remove_work(self) -> None:
        """Remove what belongs to this use, leaving its index to the next."""
        with suppress(OSError):
            self._index.replace(self.folder / "index")
        shutil.rmtree(self.work, ignore_errors=True)

    @property
    def top(self) -> Path:
        """The folder of the working copy."""
        return self.repository.top

    async def git(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        timeout_s: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run git and return its output without the last line end.

        Raises:
            GitError: It failed, or took longer than ``timeout_s``.
        """
        output = await self.raw(
            *arguments, stdin=stdin, timeout_s=timeout_s, environment=environment
        )
        return output.decode(errors="surrogateescape").removesuffix("\n")

    async def read(self, *arguments: str) -> str:
        """Run git with the objects of the repository.

        Raises:
            GitError: It failed.
        """
        return await self.git(*arguments, environment=self.with_repository)

    async def pack(self) -> None:
        """Pack the objects if many are loose, without unreachable ones.

        Raises:
            GitError: Git cannot pack them.
        """
        await self.git(
            *("-c", f"gc.auto={_LOOSE_KEPT}", "-c", "gc.autoDetach=false"),
            *("-c", "gc.pruneExpire=1.day.ago", "gc", "--auto", "--quiet"),
            timeout_s=_PACKING_S,
        )

    async def raw(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        timeout_s: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run git and return its output.

        Raises:
            GitError: It failed, or took longer than ``timeout_s``.
        """
        try:
            return await run_git(
                self.top,
                *arguments,
                timeout_s=timeout_s or READING_S,
                environment={**self._environment, **(environment or {})},
                stdin=stdin,
            )
        except GitError as error:
            if error.status is None and timeout_s is None:
                raise GitError(await asyncio.to_thread(_explained, self.top, error)) from error
            raise


@asynccontextmanager
async def opened(root: Path, repository: Repository, max_file_bytes: int) -> AsyncIterator[Store]:
    """Open the store of a working copy; ``root`` is the folder of all stores.

    Raises:
        GitError: It cannot be written.
    """
    key = f"{repository.top}\n{repository.object_format}"
    folder = root / hashlib.sha256(os.fsencode(key)).hexdigest()[:24]
    try:
        store = await asyncio.to_thread(Store, folder, repository, max_file_bytes)
    except OSError as error:
        raise GitError(f"Snapshots cannot be kept in {folder}: {error.strerror}.") from None
    try:
        yield store
    finally:
        await asyncio.to_thread(store.remove_work)


def _explained(top: Path, error: GitError) -> str:
    """Return what git may have waited for, where it was made to wait."""
    for folder, _names, files in os.walk(top):
        for name in {".gitignore", ".gitattributes", ".gitmodules"}.intersection(files):
            path = Path(folder, name)
            if not (path.is_symlink() or path.is_file()):
                return f"{shown(str(path.relative_to(top)))} is no file, so git waits for it."
    return str(error)


def _start_of(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
            return file.read(_MAX_EXCLUDE_BYTES) if is_file else b""
    except OSError:
        return b""


def _quoted(path: Path) -> str:
    """Return a path as it stands in a list of them; git takes a colon for the end of one."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _configuration(object_format: str) -> str:
    version = "0" if object_format == "sha1" else "1"
    core = f"[core]\n\trepositoryformatversion = {version}\n\tbare = false\n\tautocrlf = false\n"
    return core + ("" if version == "0" else f"[extensions]\n\tobjectformat = {object_format}\n")
