"""The archive of a backup: a compressed tar whose first member lists the digests of the others.

Members are ``manifest.json``, ``config.toml``, and the files of the data folder below ``data/``.
"""

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Final

import msgspec

from butler import distribution
from butler.errors import DataError

FORMAT: Final = 1
CONFIG: Final = "config.toml"
DATA: Final = "data"

_MANIFEST: Final = "manifest.json"
_MAX_MANIFEST_BYTES: Final = 4_000_000
_MAX_FILES: Final = 10_000
_CHUNK_BYTES: Final = 1 << 20
_BROKEN: Final = (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error)


class ArchiveError(DataError):
    """The archive is cut off, forged, of a newer version, or none of Butler's."""


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file in the archive: its place in there, size in bytes, and SHA-256."""

    path: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an archive holds, when it was made, and by which version of Butler."""

    format: int
    butler: str
    created: Annotated[datetime, msgspec.Meta(tz=True)]
    has_link: bool
    files: Annotated[list[Member], msgspec.Meta(max_length=_MAX_FILES)]

    @property
    def size(self) -> int:
        """The size of all files, in bytes."""
        return sum(member.size for member in self.files)


class _Format(msgspec.Struct, frozen=True):
    """The part of a manifest that every version understands."""

    format: int
    butler: str


def write(target: IO[bytes], folder: Path, created: datetime, *, has_link: bool) -> Manifest:
    """Write an archive of everything in ``folder``; return its manifest.

    Raises:
        OSError: A file cannot be read, or the archive not be written.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [_member(folder, path) for path in paths]
    manifest = Manifest(FORMAT, distribution.version(), created, has_link, files)
    with tarfile.open(fileobj=target, mode="w:gz", compresslevel=6) as tar:
        listing = folder / _MANIFEST
        listing.write_bytes(msgspec.json.encode(manifest))
        for path, name in [(listing, _MANIFEST), *zip(paths, [m.path for m in files], strict=True)]:
            with path.open("rb") as file:
                tar.addfile(_header(name, path.stat().st_size), file)
    return manifest


def extract(source: IO[bytes], folder: Path) -> Manifest:
    """Extract an archive into ``folder``, verify every digest, and return the manifest.

    Nothing is written outside ``folder``, and no more than the manifest says.

    Raises:
        ArchiveError: It is not a whole, unaltered archive of a version that this one understands.
        OSError: The folder cannot be written.
    """
    try:
        with tarfile.open(fileobj=source, mode="r|gz") as tar:
            members = iter(tar)
            manifest = _manifest(tar, next(members, None))
            _extract_all(tar, members, manifest, folder)
    except _BROKEN:
        raise ArchiveError("it is cut off, or is not a backup of Butler's") from None
    return manifest


def _manifest(tar: tarfile.TarFile, info: tarfile.TarInfo | None) -> Manifest:
    if info is None or info.name != _MANIFEST or info.size > _MAX_MANIFEST_BYTES:
        raise ArchiveError("it is not a backup of Butler's")
    data = _opened(tar, info).read()
    try:
        found = msgspec.json.decode(data, type=_Format)
        if found.format > FORMAT:
            raise ArchiveError(f"it was written by Butler {found.butler[:20]}; update this one")
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ArchiveError("it was altered: its list of files is damaged") from None
    for member in manifest.files:
        if not _is_inside(member.path):
            raise ArchiveError(f"it holds a file with the place {member.path[:80]!r}")
    return manifest


def _is_inside(path: str) -> bool:
    """Return whether a path is the configuration, or a plain one below the data."""
    parts = PurePosixPath(path).parts
    if path == CONFIG:
        return True
    is_plain = path == "/".join(parts) and ".." not in parts and "\0" not in path
    return is_plain and len(parts) > 1 and parts[0] == DATA


def _extract_all(
    tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], manifest: Manifest, folder: Path
) -> None:
    missing = {member.path: member for member in manifest.files}
    for info in members:
        member = missing.pop(info.name, None)
        if member is None or not info.isreg() or info.size != member.size:
            raise ArchiveError("it was altered: its files are not those of its list")
        if _copied(_opened(tar, info), folder / member.path) != member.sha256:
            raise ArchiveError(f"it was altered: {member.path} is not what was saved")
    if missing:
        raise ArchiveError("it is cut off: files of its list are missing")


def _opened(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(info) if info.isreg() else None
    if file is None:
        raise ArchiveError("it was altered: its files are not those of its list")
    return file


def _copied(source: IO[bytes], target: Path) -> str:
    """Copy a file, for its owner only; return its digest."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as file:
        target.chmod(0o600)
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _member(folder: Path, path: Path) -> Member:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Member(path.relative_to(folder).as_posix(), path.stat().st_size, digest)


def _header(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info
