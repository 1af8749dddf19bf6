"""Split a stream of bytes into lines of text."""

import codecs
from collections.abc import Iterator

from butler_run.agents.errors import LimitReachedError


class LineSplitter:
    """Splits a stream of pieces into lines in linear time.

    Lines come without their line end; invalid UTF-8 is replaced. A line of more than ``max_bytes``
    raises LimitReachedError.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._begun = ""
        self._begun_bytes = 0

    def feed(self, piece: bytes) -> Iterator[str]:
        """Yield the lines completed by ``piece``."""
        self._measure(piece)
        # A string with a single reference grows in place, so a long line is not copied repeatedly.
        line, self._begun = self._begun, ""
        first, *others = self._decoder.decode(piece).split("\n")
        line += first
        for other in others:
            yield line
            line = other
        self._begun = line

    def rest(self) -> Iterator[str]:
        """Yield the text after the last line end, if any."""
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
