"""Says what differs between two snapshots."""

from collections.abc import Mapping

from butler_run.snapshots.changes import Diff, Entry, FileChange, file_changes, shown
from butler_run.snapshots.changes import entries as read_entries
from butler_run.snapshots.store import Store

_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--ignore-submodules=all")


async def diff(store: Store, before: str, after: str) -> Diff:
    """Return the difference of two commits or trees."""
    prefixes = ("--src-prefix=a/", "--dst-prefix=b/")
    ends = ("--end-of-options", before, after)
    text = await store.raw(
        *("diff", "--patch", *_PLAIN, *prefixes, *ends), environment=store.with_repository
    )
    opaque = await opaque_paths(store, before, after)
    return Diff(text.decode(errors="replace"), await changed_files(store, before, after), opaque)


async def changed_files(store: Store, before: str, after: str) -> tuple[FileChange, ...]:
    """Return the files that differ between two commits or trees, with their changed lines."""
    ends = ("--end-of-options", before, after)
    return file_changes(await store.read("diff", "--numstat", "-z", *_PLAIN, *ends))


async def opaque_paths(store: Store, before: str, after: str) -> tuple[str, ...]:
    """Return what differs between two snapshots and is held by none of them."""
    found = await changed_entries(store, before, after)
    return tuple(shown(entry.path) for entry in found if entry.is_opaque)


async def changed_entries(
    store: Store, before: str, after: str, environment: Mapping[str, str] | None = None
) -> list[Entry]:
    """Return which files differ between two commits or trees."""
    options = ("-r", "-z", "--raw", "--no-renames", "--no-abbrev")
    output = await store.git(
        *("diff-tree", *options, "--end-of-options", before, after),
        environment=environment or store.with_repository,
    )
    return read_entries(output)
