"""Opens files that others may have put there: no links, no devices, nothing twice."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

MAX_BYTES = 16_000_000
"""The largest file that is sent."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotAFileError(Exception):
    """It is not a file that may be sent; the text says why, as the end of a sentence."""


@contextmanager
def opened_below(folder: str, parts: Sequence[str]) -> Iterator[BinaryIO]:
    """Open a regular file below a folder, without following a link on the way.

    Raises:
        NotAFileError: It is none, has other names, or is too large.
        OSError: It cannot be opened.
    """
    *folders, name = parts
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for each in folders:
            inner = os.open(each, _FLAGS | os.O_DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        with _opened(name, descriptor) as file:
            yield file
    finally:
        os.close(descriptor)


@contextmanager
def _opened(name: str, folder: int) -> Iterator[BinaryIO]:
    # Looked at before it is opened: opening a device can do something.
    _check(os.stat(name, dir_fd=folder, follow_symlinks=False))
    with os.fdopen(os.open(name, _FLAGS, dir_fd=folder), "rb") as file:
        _check(os.fstat(file.fileno()))
        yield file


def _check(found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise NotAFileError("is a link")
    if stat.S_ISDIR(found.st_mode):
        raise NotAFileError("is a folder")
    if not stat.S_ISREG(found.st_mode):
        raise NotAFileError("is not a file")
    if found.st_nlink != 1:
        raise NotAFileError("has another name elsewhere")
    if found.st_size > MAX_BYTES:
        raise NotAFileError(f"has {found.st_size / 1_000_000:,.1f} MB, and 16 MB is the most")
