"""`butler backup`: a verified copy of the data folder and configuration, made while Butler runs."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from butler.app import MEDIA_FOLDER
from butler.errors import DataError
from butler.ops import archive
from butler.ops.archive import ArchiveError, Manifest
from butler.ops.encryption import EncryptionError
from butler.ops.moved_link import moved_link
from butler.storage.files import locked, private_file, private_folder
from butler.transports.whatsapp import CREDENTIALS, MOVED, linked_account

FOLDER_NAME: Final = "backup"
"""The working folder, in the data folder: empty but while a backup is made."""

_LINK: Final = Path("whatsapp", CREDENTIALS)
_MARK: Final = Path("whatsapp", MOVED)
# What only makes sense for the processes of today, and the git objects behind /undo.
_LEFT_OUT: Final = {
    FOLDER_NAME,
    "control",
    "working-copies",
    "snapshots",
    MEDIA_FOLDER,
    "status.json",
    "notices.json",
    str(_MARK),
}
_SIDE_FILES: Final = (".lock", "-wal", "-shm", "-journal", ".new")
_SQLITE: Final = b"SQLite format 3\0"


class Encryption(Protocol):
    """Encrypts a file, and decrypts it to verify it."""

    def encrypt(self, source: Path, target: Path) -> None:
        """Write the encrypted ``source`` to ``target``."""

    def decrypt(self, source: Path, target: Path) -> None:
        """Write the decrypted ``source`` to ``target``."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A finished backup; ``account`` is the one that was moved, None without the link."""

    path: Path
    manifest: Manifest
    account: str | None


def save(
    data: Path, config: Path, target: Path, encryption: Encryption | None, *, with_link: bool
) -> Saved:
    """Write a backup to ``target``, read it back, and compare every digest.

    Args:
        data: The data folder; a daemon may be using it, unless the link is saved too.
        config: The configuration file.
        target: A file that does not exist yet.
        encryption: How to encrypt; None for a plain file.
        with_link: Save the link to WhatsApp, and mark the one in ``data`` as moved.

    Raises:
        DataError: Something cannot be read or written, ``target`` exists, another backup is being
            made, or, with the link, a daemon uses the data folder.
    """
    _check_target(data, target)
    with contextlib.ExitStack() as stack:
        folder = private_folder(private_folder(data) / FOLDER_NAME)
        stack.enter_context(locked(data / "backup.lock", "Another backup"))
        if with_link:
            stack.enter_context(locked(data / "daemon.lock", "Another Butler"))
        account = _account_to_move(data) if with_link else None
        with _emptied(folder), _explained(target):
            return _save(data, config, target, folder, encryption, account)


def _save(
    data: Path,
    config: Path,
    target: Path,
    folder: Path,
    encryption: Encryption | None,
    account: str | None,
) -> Saved:
    copy, packed, opened = folder / "copy", folder / "packed", folder / "opened"
    (copy / archive.DATA).mkdir(parents=True)
    shutil.copyfile(config, copy / archive.CONFIG)
    for path in _files(data, with_link=account is not None):
        _copy(data / path, copy / archive.DATA / path)
    now = datetime.now(UTC).replace(microsecond=0)
    with packed.open("wb") as file:
        archive.write(file, copy, now, has_link=account is not None)
    shutil.rmtree(copy)
    unfinished = target.with_name(f".{target.name}.new")
    unfinished.unlink(missing_ok=True)
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        if encryption is None:
            shutil.copyfile(packed, unfinished)
            opened = unfinished
        else:
            encryption.encrypt(packed, unfinished)
            encryption.decrypt(unfinished, opened)
        with opened.open("rb") as file:
            manifest = archive.extract(file, folder / "verified")
        _sync(unfinished)
        _check_target(data, target)
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    if account is not None:
        _mark_as_moved(data, now)
    return Saved(target, manifest, account)


def _account_to_move(data: Path) -> str:
    account = linked_account(data / "whatsapp")
    if account is None or moved_link(data / "whatsapp"):
        raise DataError("No WhatsApp account is linked here, so there is no link to move.")
    return account


def _check_target(data: Path, target: Path) -> None:
    if target.resolve().is_relative_to(data.resolve()):
        raise DataError(f"{target} is in the data folder, which is what is saved. Name another.")
    if os.path.lexists(target):
        raise DataError(f"{target} exists. Name another file, or move it away.")


def _files(data: Path, *, with_link: bool) -> Iterator[Path]:
    """Yield what is saved of the data folder: relative paths of regular files, no links."""
    for parent, folders, names in os.walk(data):
        here = Path(parent)
        if here == data:
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in sorted(names):
            path = (here / name).relative_to(data)
            is_kept = not name.endswith(_SIDE_FILES) and str(path) not in _LEFT_OUT
            if is_kept and (with_link or path != _LINK) and _is_regular(here / name):
                yield path


def _is_regular(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as file:
        is_database = file.read(len(_SQLITE)) == _SQLITE
    if is_database:
        _copy_database(source, target)
    else:
        shutil.copyfile(source, target)


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database that other processes may be writing, as of one moment.

    By SQLite's online backup (https://www.sqlite.org/backup.html): a plain copy of the file lacks
    what is still in the write-ahead log.
    """
    try:
        uri = f"{source.absolute().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(uri, uri=True)) as db,
            closing(sqlite3.connect(target)) as copy,
        ):
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise DataError(f"{source} cannot be copied: {error}. Look at it with: butler check") from (
            error
        )
    if verdict != "ok":
        raise DataError(f"{source} is damaged, so it is not saved. See butler check.")


def _mark_as_moved(data: Path, now: datetime) -> None:
    mark = private_file(data / _MARK)
    mark.write_text(f"{now.isoformat()}\n")
    _sync(mark)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    """Empty the folder before and after the block: a process that was killed cleans nothing up."""
    _empty(folder)
    try:
        yield
    finally:
        _empty(folder)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename or target
        raise DataError(f"The backup cannot be written: {place}: {error.strerror}.") from None
    except (ArchiveError, EncryptionError) as error:
        raise DataError(f"The backup was not written: {error}.") from None
