"""A clock that jumps, for the processes of one Butler."""

import struct
from collections.abc import Mapping
from pathlib import Path

from failing_disk import compiled, written

_SOURCE = Path(__file__).with_suffix(".c")


class ShiftedClock:
    """The time of day of a test's processes, which jumps on demand.

    Args:
        folder: The test's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._library = compiled(_SOURCE, folder)
        self._seconds = folder / "shift"
        self.shift(0)

    @property
    def environment(self) -> Mapping[str, str]:
        """What the processes need to see this clock."""
        return {"LD_PRELOAD": str(self._library), "SHIFTED_CLOCK_SECONDS": str(self._seconds)}

    def shift(self, seconds: int) -> None:
        """Put the clock forward by so much, compared with the true time; with 0 set it right."""
        written(self._seconds, struct.pack("q", seconds))
