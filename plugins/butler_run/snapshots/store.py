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
import logging
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from butler import GitError, run_git
from butler_run.snapshots.changes import (
    NO_FILE,
    OPAQUE,
    Diff,
    Entry,
    FileChange,
    file_changes,
    shown,
)
from butler_run.snapshots.changes import entries as read_entries
from butler_run.snapshots.contents import Contents, contents, fingerprint

logger = logging.getLogger(__name__)

# What reads the working copy can be made to wait by what is in it, such as a pipe for .gitignore.
READING_S = 10.0
_WRITING_S = 120.0
_PACKING_S = 600.0
_FILES_AT_A_TIME = 1_000
_BYTES_AT_A_TIME = 50_000_000
_LOOSE_KEPT = 2_000
_MAX_EXCLUDE_BYTES = 1_000_000
_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--ignore-submodules=all")
_ATTRIBUTES = "* -filter -text -eol -crlf -ident -working-tree-encoding\n"
_preparing = threading.Lock()
"""Held while a store is made, as two snapshots may be the first at the same time."""

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Butler",
    "GIT_AUTHOR_EMAIL": "butler@localhost",
    "GIT_COMMITTER_NAME": "Butler",
    "GIT_COMMITTER_EMAIL": "butler@localhost",
}


@dataclass(frozen=True, slots=True)
class Repository:
    """The places of a repository, and its last commit if there is one."""

    top: Path
    git_folder: Path
    objects: Path
    exclude: Path
    object_format: str
    head: str | None

    @staticmethod
    async def at(folder: Path) -> "Repository":
        """Ask git for the repository in which ``folder`` lies.

        Raises:
            GitError: There is none, or none that can be kept.
        """
        places = await run_git(
            folder,
            *("rev-parse", "--path-format=absolute", "--show-toplevel", "--absolute-git-dir"),
            *("--git-path", "objects", "--git-path", "info/exclude", "--show-object-format"),
            *("--revs-only", "HEAD"),
        )
        lines = os.fsdecode(places).removesuffix("\n").split("\n")
        if len(lines) not in {5, 6}:
            raise GitError(
                "The name of the folder contains a line break, so it cannot have snapshots."
            )
        top, git_folder, objects, exclude = map(Path, lines[:4])
        return Repository(top, git_folder, objects, exclude, lines[4], next(iter(lines[5:]), None))


class Store:
    """The git folder, with an index of its own for each use at the same time.

    An index starts as the one that the last use left behind, so that git need not read again the
    files that are as they were.

    Args:
        folder: The git folder, made if it is not there.
        repository: The one whose working copy it is.
        max_file_bytes: Of what is larger no more is noted than that it changed.
    """

    def __init__(self, folder: Path, repository: Repository, max_file_bytes: int) -> None:
        self.folder = folder
        self._repository = repository
        self._max_file_bytes = max_file_bytes
        with _preparing:
            self._prepare()
        self._work = Path(tempfile.mkdtemp(prefix="work-", dir=folder))
        self._checked = self._work / "objects"
        self._index = self._work / "index"
        self._environment = _IDENTITY | {
            "GIT_DIR": str(folder),
            "GIT_WORK_TREE": str(repository.top),
            "GIT_INDEX_FILE": str(self._index),
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_ATTR_NOSYSTEM": "1",
        }
        # Its last commit is there, and snapshots of the versions of Butler without a store.
        self._with_repository = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(repository.objects)}
        with suppress(FileNotFoundError):
            shutil.copy2(folder / "index", self._index)  # its time tells git what to read again

    def _prepare(self) -> None:
        if not (self.folder / "HEAD").exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("refs", "objects", "info"):
                (self.folder / name).mkdir(exist_ok=True)
            (self.folder / "config").write_text(_configuration(self._repository.object_format))
            (self.folder / "info" / "attributes").write_text(_ATTRIBUTES)
            (self.folder / "HEAD").write_text("ref: refs/heads/main\n")
        (self.folder / "info" / "exclude").write_bytes(_start_of(self._repository.exclude))

    def remove_work(self) -> None:
        """Remove what belongs to this use, leaving its index to the next."""
        with suppress(OSError):
            self._index.replace(self.folder / "index")
        shutil.rmtree(self._work, ignore_errors=True)

    @property
    def repository(self) -> Repository:
        """The repository whose working copy it is."""
        return self._repository

    @property
    def top(self) -> Path:
        """The folder of the working copy."""
        return self._repository.top

    async def git(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        timeout_s: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run git and return what it wrote, without the last line end."""
        output = await self._raw(
            *arguments, stdin=stdin, timeout_s=timeout_s, environment=environment
        )
        return output.decode(errors="surrogateescape").removesuffix("\n")

    async def read(self, *arguments: str) -> str:
        """Run git, which finds the objects of the repository, too."""
        return await self.git(*arguments, environment=self._with_repository)

    async def tree(self) -> str:
        """Keep the working copy and return the id of its tree."""
        known = await self._known()
        names = [*await self._changed(known), *await self._tracked_though_ignored()]
        top = os.fsencode(self.top)
        found = await asyncio.to_thread(contents, top, names, self._max_file_bytes)
        for path in found.nested:
            found.noted[path] = await self._inside(path)
        await self._note(found, known)
        for chunk in _chunks(found.held):
            await self._hold(chunk)
        return await self.git("write-tree")

    async def _known(self) -> dict[bytes, str]:
        """Return the paths in the index, with their modes."""
        listing = await self._raw("ls-files", "-z", "--stage")
        pairs = (line.split(b"\t", 1) for line in listing.split(b"\0") if line)
        return {path: head[:6].decode() for head, path in pairs}

    async def _changed(self, known: Mapping[bytes, str]) -> list[bytes]:
        """Return the paths that may not be as they are in the index."""
        changed = await self._raw("diff-files", "-z", "--name-only", "--ignore-submodules=all")
        others = await self._raw("ls-files", "-z", "--others", "--exclude-standard")
        opaque = [path for path, mode in known.items() if mode == OPAQUE]
        return [*filter(None, [*changed.split(b"\0"), *others.split(b"\0")]), *opaque]

    async def _tracked_though_ignored(self) -> list[bytes]:
        listing = await run_git(
            self.top, "ls-files", "-z", "--cached", "--ignored", "--exclude-standard"
        )
        return [name for name in listing.split(b"\0") if name]

    async def _inside(self, path: bytes) -> str:
        """Return what changes when a repository within the working copy does."""
        folder = self.top / os.fsdecode(path)
        try:
            names = await run_git(
                folder, *("ls-files", "-z", "--cached", "--others", "--exclude-standard")
            )
            head = await run_git(folder, "rev-parse", "--revs-only", "HEAD")
        except GitError:
            return "closed"
        files = {name for name in names.split(b"\0") if name}
        return head.decode() + await asyncio.to_thread(fingerprint, os.fsencode(folder), files)

    async def _note(self, found: Contents, known: Mapping[bytes, str]) -> None:
        """Put into the index what has no content, and take out of it what is gone."""
        width = 40 if self._repository.object_format == "sha1" else 64
        gone = (b"0 %s\t%s" % (b"0" * width, path) for path in found.gone if path in known)
        noted = (
            b"%s %s 0\t%s" % (OPAQUE.encode(), _as_id(state, width), path)
            for path, state in found.noted.items()
        )
        if lines := [*gone, *noted]:
            await self.git(
                *("update-index", "-z", "--replace", "--index-info"),
                stdin=b"".join(line + b"\0" for line in lines),
            )

    async def _hold(self, paths: Sequence[bytes]) -> None:
        try:
            await self.git(
                *("update-index", "-z", "--add", "--remove", "--replace", "--stdin"),
                stdin=b"\0".join(paths),
            )
        except GitError as error:
            if error.status is None:  # it waited for what is no file, or the disk is too slow
                raise
            if len(paths) == 1:
                logger.warning("a snapshot is incomplete: %s", error.stderr.partition("\n")[0])
                return
            half = len(paths) // 2
            await self._hold(paths[:half])
            await self._hold(paths[half:])

    async def diff(self, before: str, after: str) -> Diff:
        """Return the difference of two commits or trees."""
        prefixes = ("--src-prefix=a/", "--dst-prefix=b/")
        ends = ("--end-of-options", before, after)
        text = await self._raw(
            *("diff", "--patch", *_PLAIN, *prefixes, *ends), environment=self._with_repository
        )
        opaque = await self.opaque(before, after)
        return Diff(text.decode(errors="replace"), await self.files(before, after), opaque)

    async def files(self, before: str, after: str) -> tuple[FileChange, ...]:
        """Return the files that differ between two commits or trees, with their changed lines."""
        ends = ("--end-of-options", before, after)
        return file_changes(await self.read("diff", "--numstat", "-z", *_PLAIN, *ends))

    async def opaque(self, before: str, after: str) -> tuple[str, ...]:
        """Return what differs between two snapshots and is held by none of them."""
        found = await self.entries(before, after)
        return tuple(shown(entry.path) for entry in found if entry.is_opaque)

    async def entries(
        self, before: str, after: str, environment: Mapping[str, str] | None = None
    ) -> list[Entry]:
        """Return which files differ between two commits or trees."""
        options = ("-r", "-z", "--raw", "--no-renames", "--no-abbrev")
        output = await self.git(
            *("diff-tree", *options, "--end-of-options", before, after),
            environment=environment or self._with_repository,
        )
        return read_entries(output)

    async def checked_entries(self, before: str, after: str) -> list[Entry]:
        """Return which files differ between two snapshots, by trees that are what they were.

        Raises:
            GitError: A snapshot is damaged.
        """
        trees = await self.git(
            *("rev-list", "--objects", "--no-object-names", "--filter=blob:none"),
            *(f"{before}^{{tree}}", f"{after}^{{tree}}"),
            environment=self._with_repository,
        )
        await self._check([before, after, *trees.split()])
        return await self.entries(before, after, self._only_checked)

    async def check_files(self, entries: Iterable[Entry]) -> None:
        """Make what two snapshots hold of these files ready to be put back.

        Raises:
            GitError: A snapshot is damaged.
        """
        sides = [pair for each in entries for pair in zip(each.modes, each.ids, strict=True)]
        await self._check({name for mode, name in sides if mode not in {NO_FILE, OPAQUE}})

    async def put(self, entries: Iterable[Entry], side: int) -> None:
        """Make files that were checked what they are on one side of their entries."""
        lines = [
            b"%s %s\t%s\0"
            % (each.modes[side].encode(), each.ids[side].encode(), os.fsencode(each.path))
            for each in entries
        ]
        index = {**self._only_checked, "GIT_INDEX_FILE": str(self._work / "put")}
        (self._work / "put").unlink(missing_ok=True)
        for command, stdin in (
            (("update-index", "-z", "--index-info"), b"".join(lines)),
            (("checkout-index", "--force", "--all"), None),
        ):
            await self.git(*command, stdin=stdin, environment=index, timeout_s=_WRITING_S)

    @property
    def _only_checked(self) -> dict[str, str]:
        return {"GIT_OBJECT_DIRECTORY": str(self._checked)}

    async def _check(self, ids: Iterable[str]) -> None:
        """Copy objects to where they are read from when files are put back.

        Git trusts the name of an object that it finds; to one in a pack it gives the name that
        follows from what is in it.
        """
        stdin = "".join(f"{each}\n" for each in ids).encode()
        if not stdin:
            return
        packs = self._checked / "pack"
        packs.mkdir(parents=True, exist_ok=True)
        try:
            name = await self.git(
                *("pack-objects", "--quiet", "--window=0", str(packs / "pack")),
                stdin=stdin,
                environment=self._with_repository,
                timeout_s=_WRITING_S,
            )
            pack = packs / f"pack-{name}.pack"
            for kind in (".idx", ".rev"):
                pack.with_suffix(kind).unlink(missing_ok=True)
            only = self._only_checked
            await self.git("index-pack", str(pack), environment=only, timeout_s=_WRITING_S)
            found = await self.git(
                "cat-file", "--batch-check=%(objectname)", stdin=stdin, environment=only
            )
        except GitError as error:
            raise GitError(f"its snapshots cannot be read: {error}") from error
        if " missing" in found:
            raise GitError("its snapshots are damaged.")

    async def pack(self) -> None:
        """Pack the objects if many are loose, without unreachable ones."""
        await self.git(
            *("-c", f"gc.auto={_LOOSE_KEPT}", "-c", "gc.autoDetach=false"),
            *("-c", "gc.pruneExpire=1.day.ago", "gc", "--auto", "--quiet"),
            timeout_s=_PACKING_S,
        )

    async def _raw(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        timeout_s: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
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


def _chunks(held: Iterable[tuple[bytes, int]]) -> list[list[bytes]]:
    """Return the paths in parts that git handles quickly."""
    chunks: list[list[bytes]] = []
    room = 0
    for path, size in held:
        if room < size or not chunks or len(chunks[-1]) == _FILES_AT_A_TIME:
            chunks.append([])
            room = _BYTES_AT_A_TIME
        chunks[-1].append(path)
        room -= size
    return chunks


def _explained(top: Path, error: GitError) -> str:
    """Return what git may have waited for, where it was made to wait."""
    for folder, _names, files in os.walk(top):
        for name in {".gitignore", ".gitattributes", ".gitmodules"}.intersection(files):
            path = Path(folder, name)
            if not (path.is_symlink() or path.is_file()):
                return f"{shown(str(path.relative_to(top)))} is no file, so git waits for it."
    return str(error)


def _as_id(state: str, width: int) -> bytes:
    return hashlib.sha256(state.encode(errors="surrogateescape")).hexdigest()[:width].encode()


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
