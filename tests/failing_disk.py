"""A disk that stops taking writes, for the processes of one Butler."""

import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_suffix(".c")


class FailingDisk:
    """The folder ``data`` of a test; its writes fail on demand with an error of the system.

    Args:
        folder: The test's folder.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("a disk that fails needs a C compiler")
        self._library = folder / "failing_disk.so"
        command = [compiler, "-shared", "-fPIC", "-o", self._library, _SOURCE, "-ldl"]
        subprocess.run(command, check=True)
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
        file = os.open(self._error, os.O_RDWR | os.O_CREAT)
        try:
            os.pwrite(file, struct.pack("i", error), 0)
        finally:
            os.close(file)
