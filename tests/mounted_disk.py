"""A real file system that its kernel makes read-only after an error, for one Butler."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_EMPTY = "64M"


class MountedDisk:
    """An ext4 image on the folder ``data`` of a test, in a mount namespace of Butler's own.

    It is mounted as Debian mounts the disk of a system, with ``errors=remount-ro``.

    Args:
        folder: The test's folder; what is in its ``data`` so far is on the disk, too.
    """

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0 or sys.platform != "linux" or not shutil.which("mkfs.ext4"):
            pytest.skip("mounting a file system needs root, Linux and e2fsprogs")
        self._image, self._data = folder / "disk", folder / "data"
        command = ["mkfs.ext4", "-q", "-d", self._data, self._image, _EMPTY]
        subprocess.run(command, check=True)
        if subprocess.run([*self._mounted, "true"], check=False, capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount a loop device")

    @property
    def _mounted(self) -> list[str]:
        script = 'mount -o loop,errors=remount-ro "$0" "$1" && shift && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, str(self._image), str(self._data)]

    @property
    def python(self) -> tuple[str, ...]:
        """What starts Python where the disk is mounted."""
        return (*self._mounted, sys.executable)

    def fail(self) -> None:
        """Let the kernel meet an error in the file system."""
        command = ["losetup", "--noheadings", "--output", "NAME", "--associated", self._image]
        loop = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        trigger = Path("/sys/fs/ext4", Path(loop.strip()).name, "trigger_fs_error")
        trigger.write_text("1")

    def mend(self) -> None:
        """Check the file system, as it is done before it is mounted again."""
        subprocess.run(["e2fsck", "-p", self._image], check=False, capture_output=True)
