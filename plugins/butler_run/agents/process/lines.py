"""Bytes as they come → whole lines of text."""

import codecs
from collections.abc import Iterator

from butler_run.agents.errors import LimitReachedError


class LineSplitter:
    """Cuts a stream of pieces into lines, each byte looked at once.

    Lines come without their line end; bytes that are no UTF-8 are replaced. A line that grows
    beyond ``max_bytes`` raises LimitReachedError.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._begun = ""
        self._begun_bytes = 0

    def feed(self, piece: bytes) -> Iterator[str]:
        """Yield the lines that ``piece`` completes."""
        self._measure(piece)
        # Under one name only, a string grows in place, so a long line is not copied piece by piece.
        line, self._begun = self._begun, ""
        first, *others = self._decoder.decode(piece).split("\n")
        line += first
        for other in others:
            yield line
            line = other
        self._begun = line

    def rest(self) -> Iterator[str]:
        """Yield what came after the last line end, if anything did."""
        if rest := self._begun + self._decoder.decode(b"", final=True):
            yield rest

    def _measure(self, piece: bytes) -> None:
        line_end = piece.rfind(b"\n")
        self._begun_bytes = (
            self._begun_bytes + len(piece) if line_end < 0 else len(piece) - line_end - 1
        )
        if self._begun_bytes > self._max_bytes:
            raise LimitReachedError(
                f"The agent wrote a line of more than {self._max_bytes / 2**20:g} MB "
                "and was stopped."
            )
