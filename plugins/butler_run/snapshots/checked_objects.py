"""Checks what a store holds, as an agent may have overwritten it, before it is put back."""

import os
from collections.abc import Iterable

from butler import GitError
from butler_run.snapshots.changes import NO_FILE, OPAQUE, Entry
from butler_run.snapshots.comparison import changed_entries
from butler_run.snapshots.store import Store

_WRITING_S = 120.0


class CheckedObjects:
    """The objects of two snapshots that are what their ids say, for one use of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = store.work / "objects"

    async def changed_entries(self, before: str, after: str) -> list[Entry]:
        """Return which files differ between two snapshots, by trees that are what they were.

        Raises:
            GitError: A snapshot is damaged.
        """
        trees = await self._store.git(
            *("rev-list", "--objects", "--no-object-names", "--filter=blob:none"),
            *(f"{before}^{{tree}}", f"{after}^{{tree}}"),
            environment=self._store.with_repository,
        )
        await self._check([before, after, *trees.split()])
        return await changed_entries(self._store, before, after, self._environment)

    async def check_files(self, entries: Iterable[Entry]) -> None:
        """Make what two snapshots hold of these files ready to be put back.

        Raises:
            GitError: A snapshot is damaged.
        """
        sides = [pair for each in entries for pair in zip(each.modes, each.ids, strict=True)]
        await self._check({name for mode, name in sides if mode not in {NO_FILE, OPAQUE}})

    async def put(self, entries: Iterable[Entry], side: int) -> None:
        """Make files that were checked what they are on one side of their entries.

        Raises:
            GitError: A file cannot be written.
        """
        lines = [
            b"%s %s\t%s\0"
            % (each.modes[side].encode(), each.ids[side].encode(), os.fsencode(each.path))
            for each in entries
        ]
        index = {**self._environment, "GIT_INDEX_FILE": str(self._store.work / "put")}
        (self._store.work / "put").unlink(missing_ok=True)
        for command, stdin in (
            (("update-index", "-z", "--index-info"), b"".join(lines)),
            (("checkout-index", "--force", "--all"), None),
        ):
            await self._store.git(*command, stdin=stdin, environment=index, timeout_s=_WRITING_S)

    @property
    def _environment(self) -> dict[str, str]:
        return {"GIT_OBJECT_DIRECTORY": str(self._folder)}

    async def _check(self, ids: Iterable[str]) -> None:
        """Copy objects to where they are read from when files are put back.

        Git trusts the name of an object that it finds; to one in a pack it gives the name that
        follows from what is in it.
        """
        stdin = "".join(f"{each}\n" for each in ids).encode()
        if not stdin:
            return
        packs = self._folder / "pack"
        packs.mkdir(parents=True, exist_ok=True)
        try:
            name = await self._store.git(
                *("pack-objects", "--quiet", "--window=0", str(packs / "pack")),
                stdin=stdin,
                environment=self._store.with_repository,
                timeout_s=_WRITING_S,
            )
            pack = packs / f"pack-{name}.pack"
            for kind in (".idx", ".rev"):
                pack.with_suffix(kind).unlink(missing_ok=True)
            only = self._environment
            await self._store.git("index-pack", str(pack), environment=only, timeout_s=_WRITING_S)
            found = await self._store.git(
                "cat-file", "--batch-check=%(objectname)", stdin=stdin, environment=only
            )
        except GitError as error:
            raise GitError(f"its snapshots cannot be read: {error}") from error
        if " missing" in found:
            raise GitError("its snapshots are damaged.")
