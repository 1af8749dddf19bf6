"""What of a working copy a snapshot can hold, and what it can only note; looks at the disk.

Held are plain files and links. Of what is neither, of files that are too large or cannot be read,
and of git repositories within the working copy a snapshot notes no more than that they changed.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Contents:
    """The paths of a snapshot, relative to the working copy, by their treatment.

    Attributes:
        held: Paths with their content stored.
        noted: Paths with only a fingerprint stored, to detect changes.
        nested: Nested git repositories.
        gone: Missing paths.
    """

    held: list[tuple[bytes, int]] = field(default_factory=list)
    noted: dict[bytes, str] = field(default_factory=dict)
    nested: list[bytes] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)


def contents(top: bytes, paths: Iterable[bytes], max_bytes: int) -> Contents:
    """Look at ``paths``: sort them by their treatment in a snapshot."""
    found, folders = Contents(), {b"": True}
    for path in sorted({path.rstrip(b"/") for path in paths}):
        if not _is_in_folder(top, os.path.dirname(path), folders):  # noqa: PTH120 - bytes
            found.gone.append(path)
            continue
        try:
            _sort(found, top, path, os.lstat(top + b"/" + path), max_bytes)
        except OSError:
            found.gone.append(path)
    return found


def fingerprint(top: bytes, paths: Iterable[bytes]) -> str:
    """Return what changes when one of these files does."""
    return "\n".join(_state(top + b"/" + path) for path in sorted(paths))


def _sort(found: Contents, top: bytes, path: bytes, status: os.stat_result, max_bytes: int) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        is_repository = os.path.lexists(top + b"/" + path + b"/.git")
        (found.nested if is_repository else found.gone).append(path)
    elif kind == stat.S_IFLNK:
        found.held.append((path, 0))
    elif kind != stat.S_IFREG:
        found.noted[path] = f"kind {kind:o}"
    elif status.st_size > max_bytes or not os.access(top + b"/" + path, os.R_OK):
        found.noted[path] = f"file {status.st_size} {status.st_mtime_ns}"
    else:
        found.held.append((path, status.st_size))


def _is_in_folder(top: bytes, folder: bytes, known: dict[bytes, bool]) -> bool:
    """Return whether each part of ``folder`` is one, and none a link."""
    if folder not in known:
        above = os.path.dirname(folder)  # noqa: PTH120 - bytes
        known[folder] = _is_in_folder(top, above, known) and _is_folder(top + b"/" + folder)
    return known[folder]


def _is_folder(path: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _state(path: bytes) -> str:
    try:
        found = os.lstat(path)
    except OSError:
        return "gone"
    return f"{found.st_mode:o} {found.st_size} {found.st_mtime_ns} {os.fsdecode(path)}"
