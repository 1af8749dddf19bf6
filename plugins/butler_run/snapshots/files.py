"""Removes files of a working copy to make way for those of a snapshot."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path


def in_the_way(top: Path, wanted: Iterable[str], gone: Collection[str]) -> list[str]:
    """Return the files that would be lost in folders that must be replaced by files.

    Args:
        top: The working copy.
        wanted: The files to restore.
        gone: The files to remove anyway.
    """
    return [
        path
        for each in wanted
        if not _is_behind_a_link(top, each)
        for path in _files_in(top, top / each)
        if path not in gone
    ]


def remove(top: Path, paths: Iterable[str]) -> None:
    """Remove files and the folders that become empty; never follow links.

    Raises:
        OSError: One cannot be removed.
    """
    for path in paths:
        file = top / path
        if not _is_behind_a_link(top, path) and (file.is_symlink() or not file.is_dir()):
            file.unlink(missing_ok=True)
            _remove_if_empty(top, file.parent)


def _is_behind_a_link(top: Path, path: str) -> bool:
    """Return whether ``path`` is not inside ``top``: one of its folders is a link or a file."""
    folders = [top / folder for folder in Path(path).parents]
    return any(
        folder != top and (folder.is_symlink() or (folder.exists() and not folder.is_dir()))
        for folder in folders
    )


def _files_in(top: Path, folder: Path) -> Iterator[str]:
    if folder.is_dir() and not folder.is_symlink():
        for file in folder.rglob("*"):
            if file.is_symlink() or not file.is_dir():
                yield str(file.relative_to(top))


def _remove_if_empty(top: Path, folder: Path) -> None:
    while folder != top and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
