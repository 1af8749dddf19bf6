"""Keeps the state of a working copy in its store."""

import asyncio
import hashlib
import logging
import os
from collections.abc import Iterable, Mapping, Sequence

from butler import GitError, run_git
from butler_run.snapshots.changes import OPAQUE
from butler_run.snapshots.contents import Contents, contents, fingerprint
from butler_run.snapshots.store import Store

logger = logging.getLogger(__name__)

_FILES_AT_A_TIME = 1_000
_BYTES_AT_A_TIME = 50_000_000


async def capture(store: Store) -> str:
    """Keep the working copy and return the id of its tree.

    Raises:
        GitError: Git cannot read the working copy.
    """
    return await _Capture(store).tree()


class _Capture:
    """One capture, which changes the index of the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def tree(self) -> str:
        """Keep the working copy and return the id of its tree."""
        known = await self._known()
        names = [*await self._changed(known), *await self._tracked_though_ignored()]
        top = os.fsencode(self._store.top)
        found = await asyncio.to_thread(contents, top, names, self._store.max_file_bytes)
        for path in found.nested:
            found.noted[path] = await self._inside(path)
        await self._note(found, known)
        for chunk in _chunks(found.held):
            await self._hold(chunk)
        return await self._store.git("write-tree")

    async def _known(self) -> dict[bytes, str]:
        """Return the paths in the index, with their modes."""
        listing = await self._store.raw("ls-files", "-z", "--stage")
        pairs = (line.split(b"\t", 1) for line in listing.split(b"\0") if line)
        return {path: head[:6].decode() for head, path in pairs}

    async def _changed(self, known: Mapping[bytes, str]) -> list[bytes]:
        """Return the paths that may not be as they are in the index."""
        changed = await self._store.raw(
            "diff-files", "-z", "--name-only", "--ignore-submodules=all"
        )
        others = await self._store.raw("ls-files", "-z", "--others", "--exclude-standard")
        opaque = [path for path, mode in known.items() if mode == OPAQUE]
        return [*filter(None, [*changed.split(b"\0"), *others.split(b"\0")]), *opaque]

    async def _tracked_though_ignored(self) -> list[bytes]:
        listing = await run_git(
            self._store.top, "ls-files", "-z", "--cached", "--ignored", "--exclude-standard"
        )
        return [name for name in listing.split(b"\0") if name]

    async def _inside(self, path: bytes) -> str:
        """Return what changes when a repository within the working copy does."""
        folder = self._store.top / os.fsdecode(path)
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
        width = 40 if self._store.repository.object_format == "sha1" else 64
        gone = (b"0 %s\t%s" % (b"0" * width, path) for path in found.gone if path in known)
        noted = (
            b"%s %s 0\t%s" % (OPAQUE.encode(), _as_id(state, width), path)
            for path, state in found.noted.items()
        )
        if lines := [*gone, *noted]:
            await self._store.git(
                *("update-index", "-z", "--replace", "--index-info"),
                stdin=b"".join(line + b"\0" for line in lines),
            )

    async def _hold(self, paths: Sequence[bytes]) -> None:
        try:
            await self._store.git(
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


def _as_id(state: str, width: int) -> bytes:
    return hashlib.sha256(state.encode(errors="surrogateescape")).hexdigest()[:width].encode()
