"""`butler restore`: put a verified backup where there is no data yet."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from butler.config import loading
from butler.errors import ConfigError, DataError
from butler.ops import archive
from butler.ops.archive import ArchiveError, Manifest
from butler.ops.encryption import EncryptionError
from butler.storage.files import locked, private_folder
from butler.storage.generation import mark_restored
from butler.storage.integrity import inspected


class Decryption(Protocol):
    """Decrypts a file."""

    def decrypt(self, source: Path, target: Path) -> None:
        """Write the decrypted ``source`` to ``target``."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where.

    Attributes:
        data: The data folder.
        config: The configuration written from the archive; None where there was one already.
        manifest: What the archive holds.
    """

    data: Path
    config: Path | None
    manifest: Manifest


def restore(source: Path, decryption: Decryption | None, explicit: Path | None) -> Restored:
    """Restore a backup into the data folder of the configuration, all of it or nothing.

    Where there is no configuration, that of the backup is written, and says where the data goes.

    Args:
        source: The backup.
        decryption: How to decrypt it; None for a plain file.
        explicit: The configuration file that the operator named; None for the usual places.

    Raises:
        DataError: The archive is not whole, altered or of a newer version, the data folder is
            occupied, or something cannot be written; nothing has changed then.
        ConfigError: The configuration has mistakes.
    """
    config = _existing_config(explicit)
    if config is not None:
        return _restore(source, decryption, config, None)
    new = explicit or loading.users_file()
    return _restore(source, decryption, new, new)


def _existing_config(explicit: Path | None) -> Path | None:
    try:
        path = loading.find(explicit)
    except ConfigError:
        return None
    return path if os.path.lexists(path) else None


def _restore(
    source: Path, decryption: Decryption | None, config: Path, new: Path | None
) -> Restored:
    beside = config.parent if new else loading.read(config).data_dir.parent
    with _staging(beside) as folder, _explained(source):
        manifest = _unpacked(source, decryption, folder)
        if new is not None:
            # Read where it is going to be: relative paths start there.
            _write_new(folder / "all" / archive.CONFIG, new)
        try:
            data = loading.read(config).data_dir
            _check_vacant(data)
            _move(folder / "all" / archive.DATA, data)
        except BaseException:
            if new is not None:
                new.unlink(missing_ok=True)
            raise
    return Restored(data, new, manifest)


def _unpacked(source: Path, decryption: Decryption | None, folder: Path) -> Manifest:
    packed = source
    if decryption is not None:
        packed = folder / "packed"
        decryption.decrypt(source, packed)
    with packed.open("rb") as file:
        manifest = archive.extract(file, folder / "all")
    (folder / "all" / archive.DATA).mkdir(mode=0o700, exist_ok=True)
    mark_restored(folder / "all" / archive.DATA)
    for path in sorted((folder / "all").rglob("*.sqlite3")):
        if problem := inspected(path).problem:
            raise ArchiveError(f"{path.name} in it is damaged: {problem}")
    return manifest


def _check_vacant(data: Path) -> None:
    if os.path.lexists(data) and (not data.is_dir() or any(data.iterdir())):
        raise DataError(
            f"{data} already holds data, which a restore would overwrite. Move it away first: "
            f"mv {data} {data}.old"
        )


def _move(source: Path, data: Path) -> None:
    if not data.parent.exists():
        private_folder(data.parent)
    with contextlib.suppress(FileNotFoundError):
        data.rmdir()
    try:
        source.rename(data)
    except OSError:  # on another disk
        try:
            shutil.copytree(source, data)
        except BaseException:
            shutil.rmtree(data, ignore_errors=True)
            raise


def _write_new(source: Path, target: Path) -> None:
    if not target.parent.exists():
        private_folder(target.parent)
    shutil.copyfile(source, target)
    target.chmod(0o600)


@contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    """Yield an empty private folder next to where the files will be, removed afterwards."""
    if not parent.exists():
        private_folder(parent)
    folder = private_folder(parent / ".butler-restore")
    with locked(folder / "lock", "Another restore"):
        try:
            for path in folder.iterdir():  # of one that was killed
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != "lock":
                    path.unlink()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _explained(source: Path) -> Iterator[None]:
    try:
        yield
    except (ArchiveError, EncryptionError) as error:
        raise DataError(f"{source} cannot be restored: {error}. Nothing was changed.") from None
    except OSError as error:
        place = error.filename or source
        raise DataError(
            f"The backup cannot be restored: {place}: {error.strerror}. Nothing was changed."
        ) from None
