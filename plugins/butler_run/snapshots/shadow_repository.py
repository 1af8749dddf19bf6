"""The shadow repository: a private git folder that borrows a repository's files and objects.

Git runs programs that a repository names: hooks, the file system monitor, external diffs, text
conversions, and ``clean`` and ``smudge`` filters, which ``git add`` and ``git restore`` call. An
agent can write ``.git/config`` and ``.gitattributes``, so a filter would be a way for it to run
something outside of its own limits. Therefore all that looks at files is done with a private git
folder: its configuration is ours, and its ``info/attributes``, which git puts above every other,
switch filters and conversions off. It borrows no more than the objects of the repository. So files
of Git LFS are kept as they are on disk, not as pointers.
"""

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from butler import GitError, run_git

logger = logging.getLogger(__name__)

_TIMEOUT_S = 120.0
_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames")
_ATTRIBUTES = "* -filter -text -eol -crlf -ident -working-tree-encoding\n"
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Butler",
    "GIT_AUTHOR_EMAIL": "butler@localhost",
    "GIT_COMMITTER_NAME": "Butler",
    "GIT_COMMITTER_EMAIL": "butler@localhost",
}


@dataclass(frozen=True, slots=True)
class FileChange:
    """The change of one file; a binary one has no line counts."""

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference between two states: git's patch, and a line per file."""

    text: str
    files: tuple[FileChange, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of ``git diff-tree --raw``."""

    path: str
    modes: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Repository:
    """The folders of a repository, and its last commit if there is one."""

    top: Path
    git_folder: Path
    objects: Path
    exclude: Path
    object_format: str
    head: str | None

    @staticmethod
    async def at(folder: Path) -> "Repository":
        """Find the repository that contains ``folder``.

        Raises:
            GitError: There is none, or it cannot have snapshots.
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


class ShadowRepository:
    """A git folder that shares a repository's files and objects, but nothing executable.

    Its index is inherited from the previous one, so that git does not read unchanged files again.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._left_index = repository.git_folder / "butler-index"
        self._folder = Path(tempfile.mkdtemp(prefix="butler-"))
        self._index = self._folder / "index"
        self._environment = _IDENTITY | {
            "GIT_DIR": str(self._folder),
            "GIT_WORK_TREE": str(repository.top),
            "GIT_OBJECT_DIRECTORY": str(repository.objects),
            "GIT_INDEX_FILE": str(self._index),
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_ATTR_NOSYSTEM": "1",
        }
        self._write_files()

    def _write_files(self) -> None:
        (self._folder / "HEAD").write_text("ref: refs/heads/main\n")
        (self._folder / "refs").mkdir()
        (self._folder / "config").write_text(_configuration(self._repository.object_format))
        (self._folder / "info").mkdir()
        (self._folder / "info" / "attributes").write_text(_ATTRIBUTES)
        if self._repository.exclude.is_file():
            shutil.copyfile(self._repository.exclude, self._folder / "info" / "exclude")
        if self._left_index.is_file():
            shutil.copy2(self._left_index, self._index)  # its time tells git what to read again

    def remove(self) -> None:
        """Remove the folder, but keep the index for the next one."""
        with suppress(OSError):
            self._index.chmod(0o600)
            _replace(self._left_index, self._index)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def head(self) -> str | None:
        """The last commit of the repository, if there is one."""
        return self._repository.head

    @property
    def top(self) -> Path:
        """The folder of the working copy."""
        return self._repository.top

    async def git(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run git and return its output without the last line break."""
        output = await self._raw(*arguments, stdin=stdin)
        return output.decode(errors="surrogateescape").removesuffix("\n")

    async def tree(self) -> str:
        """Write the working copy as a tree and return its id."""
        tracked = await self._tracked_though_ignored()
        if tracked:
            names = ("--pathspec-from-file=-", "--pathspec-file-nul")
            await self._add("--force", *names, stdin=b"\0".join(tracked))
        await self._add("--all")
        return await self.git("write-tree")

    async def diff(self, before: str, after: str) -> Diff:
        """Return the difference of two commits or trees."""
        prefixes = ("--src-prefix=a/", "--dst-prefix=b/")
        ends = ("--end-of-options", before, after)
        text = await self._raw("diff", "--patch", *_PLAIN, *prefixes, *ends)
        return Diff(text.decode(errors="replace"), await self.files(before, after))

    async def files(self, before: str, after: str) -> tuple[FileChange, ...]:
        """Return the changed files and line counts between two commits or trees."""
        counts = await self.git(
            *("diff", "--numstat", "-z", *_PLAIN, "--end-of-options", before, after)
        )
        return tuple(map(_file_change, counts.split("\0")[:-1]))

    async def entries(self, before: str, after: str) -> list[Entry]:
        """Return the files that differ between two commits or trees."""
        options = ("-r", "-z", "--raw", "--no-renames")
        output = await self.git("diff-tree", *options, "--end-of-options", before, after)
        fields = iter(output.split("\0")[:-1])
        return [_entry(head, path) for head, path in zip(fields, fields, strict=True)]

    async def restore(self, source: str, paths: Iterable[str]) -> None:
        """Restore the files at ``paths`` from ``source``, which has all of them."""
        listing = b"\0".join(map(os.fsencode, paths))
        if listing:
            await self._raw(
                *("-c", "submodule.recurse=false", "restore", f"--source={source}", "--worktree"),
                *("--pathspec-from-file=-", "--pathspec-file-nul"),
                stdin=listing,
            )

    async def _add(self, *arguments: str, stdin: bytes | None = None) -> None:
        try:
            await self.git(
                "-c",
                "advice.addEmbeddedRepo=false",
                "add",
                "--ignore-errors",
                *arguments,
                stdin=stdin,
            )
        except GitError as error:
            if error.status != 1:
                raise
            logger.warning("a snapshot is incomplete: %s", error.stderr.partition("\n")[0])

    async def _tracked_though_ignored(self) -> list[bytes]:
        listing = await run_git(
            self._repository.top,
            *("ls-files", "-z", "--cached", "--ignored", "--exclude-standard"),
            timeout_s=_TIMEOUT_S,
        )
        names = [name for name in listing.split(b"\0") if name]
        return await asyncio.to_thread(_existing, self._repository.top, names)

    async def _raw(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        return await run_git(
            self._repository.top,
            *arguments,
            timeout_s=_TIMEOUT_S,
            environment=self._environment,
            stdin=stdin,
        )


def _replace(target: Path, source: Path) -> None:
    """Replace ``target`` by ``source`` atomically, as others may be reading it."""
    if source.is_file():
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}-")
        os.close(handle)
        try:
            shutil.copy2(source, name)
            Path(name).replace(target)
        finally:
            Path(name).unlink(missing_ok=True)


def _configuration(object_format: str) -> str:
    version = "0" if object_format == "sha1" else "1"
    core = f"[core]\n\trepositoryformatversion = {version}\n\tbare = false\n\tautocrlf = false\n"
    return core + ("" if version == "0" else f"[extensions]\n\tobjectformat = {object_format}\n")


def _existing(top: Path, names: Iterable[bytes]) -> list[bytes]:
    return [name for name in names if os.path.lexists(os.fsencode(top) + b"/" + name)]


def _file_change(line: str) -> FileChange:
    added, removed, path = line.split("\t", 2)
    if added == "-":
        return FileChange(shown(path), None, None)
    return FileChange(shown(path), int(added), int(removed))


def _entry(head: str, path: str) -> Entry:
    old_mode, new_mode, *_ = head.removeprefix(":").split()
    return Entry(path, (old_mode, new_mode))


def shown(path: str) -> str:
    """Return a path from git on one line, safe to show."""
    text = os.fsencode(path).decode(errors="replace")
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
