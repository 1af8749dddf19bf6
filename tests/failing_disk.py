"""A disk that stops taking writes, for the processes of one Butler."""

import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_suffix(".c")


def compiled(source: Path, folder: Path) -> Path:
    """Compile a library to be preloaded into ``folder``; skip the test without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a fault that is preloaded needs a C compiler")
    library = folder / source.with_suffix(".so").name
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def written(path: Path, content: bytes) -> None:
    """Write at the beginning of a file that others have mapped to memory."""
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.pwrite(file, content, 0)
    finally:
        os.close(file)


class FailingDisk:
    """The folder ``data`` of a test; its writes fail on demand with an error of the system.

    Args:
        folder: The test's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._library = compiled(_SOURCE, folder)
        self._error = folder / "error"
        self._folder = folder / "data"
        self.fail(0)

    @property
    def environment(self) -> Mapping[str, str]:
        """What the processes need to meet this disk."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAILING_DISK_ERROR": str(self._error),
            "FAILING_DISK_FOLDER": str(self._folder),
        }

    def fail(self, error: int) -> None:
        """Let every write fail with this error from now on; with 0 let it succeed again."""
        written(self._error, struct.pack("i", error))
