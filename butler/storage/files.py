"""The data folder: private to the user, and locked by the daemon that uses it."""

import errno
import fcntl
import os
import pwd
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from butler.errors import DataError, LastingDataError
from butler.storage.connection import ExplainingConnection
from butler.storage.sqlite import Database, create_file, make_folder
from butler.storage.sqlite_errors import Failure, from_sqlite

PATIENCE_S = 1.0
"""Timeout of a lock of another process, where the event loop waits with it."""

_LASTING = frozenset({errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EROFS, errno.ELOOP})


def private_folder(path: Path) -> Path:
    """Create the folder ``path`` if it is missing, accessible to its owner only; return it.

    Raises:
        DataError: It cannot be created, is not a folder, or belongs to another user.
    """
    try:
        make_folder(path)
        found = path.stat()
        if found.st_uid != os.geteuid():
            raise LastingDataError(
                f"The folder {path} cannot be used: it belongs to {_user_name(found.st_uid)}. "
                "Run Butler as that user, or choose another data_dir."
            )
        if found.st_mode & 0o077:
            path.chmod(0o700)
    except FileExistsError:
        raise LastingDataError(f"{path} is not a folder.") from None
    except OSError as error:
        kind = LastingDataError if error.errno in _LASTING else DataError
        raise kind(f"The folder {path} cannot be used: {error.strerror}.") from None
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise LastingDataError(
            f"The folder {path} cannot be used: this user may not read or write it. "
            "Change its owner, or choose another data_dir."
        )
    return path


def _user_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"


def is_there(path: Path) -> bool:
    """Look at the disk: return whether the file or folder ``path`` exists.

    Raises:
        DataError: A parent folder cannot be read.
    """
    try:
        return path.exists()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None


def file_id(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from all others, also from one that takes its place; None if gone.

    It may be another one after a restart of the machine.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def private_file(path: Path) -> Path:
    """Create the file ``path`` if it is missing, accessible to its owner only; return it.

    An existing file is not opened: closing it would drop the locks that SQLite has on it in this
    process (https://www.sqlite.org/howtocorrupt.html, section 2.2).

    Raises:
        DataError: It cannot be created.
    """
    try:
        create_file(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from None
    return path


def open_database(path: Path, schema: str, version: int = 1) -> sqlite3.Connection:
    """Open the SQLite file ``path`` in WAL mode, created if missing; any thread may use it.

    What goes wrong with the file later, as when the disk is full, is a DataError, too. A lock of
    another process is waited for no longer than a second, as the event loop waits with it.

    Args:
        path: The file.
        schema: Idempotent statements, such as ``CREATE TABLE IF NOT EXISTS``; run at each opening.
        version: The version of the schema; a file with a newer one is refused.

    Raises:
        DataError: It cannot be used.
    """
    db = Database(
        path,
        [""] * version,
        raises=data_error,
        is_checked=True,
        schema=schema,
        patience_s=PATIENCE_S,
        connection=ExplainingConnection,
    ).take_connection()
    if isinstance(db, ExplainingConnection):
        db.raises = lambda error: data_error(from_sqlite(path, error))
    return db


def replace_file(path: Path, data: bytes, *, is_durable: bool = False) -> None:
    """Replace the file with ``data`` atomically, accessible to its owner only.

    Args:
        path: The file.
        data: Its new content.
        is_durable: Wait for the disk: without that, a power cut may leave an empty file.

    Raises:
        DataError: It cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.touch(mode=0o600)
        with unfinished.open("wb") as file:
            file.write(data)
            if is_durable:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from None


def data_error(failure: Failure) -> DataError:
    """Return the error that a failure of a database is."""
    return (LastingDataError if failure.is_lasting else DataError)(str(failure), failure.reason)


@contextmanager
def locked(path: Path, owner: str) -> Iterator[None]:
    """Hold the lock file ``path`` for the duration of the block.

    The lock is released with the process, however that ends.

    Args:
        path: The file; it holds the process id of its holder.
        owner: Who else could hold it, such as "another daemon".

    Raises:
        DataError: Another process holds it; the text names the process.
    """
    try:
        descriptor = os.open(private_file(path), os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise DataError(
                f"{owner} (process {holder}) is using {path.parent}. End it first, "
                "or give this one its own data_dir."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
