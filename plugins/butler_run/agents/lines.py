"""Bytes as they come → whole lines."""

from collections.abc import Iterator

from butler_run.agents.errors import Limit, LimitReachedError


class LineSplitter:
    """Cuts a stream of pieces into lines, each byte looked at once.

    Lines come without their line end; a line longer than ``max_bytes`` raises LimitReachedError.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []
        self._size_bytes = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the lines that ``piece`` completes."""
        *lines, rest = piece.split(b"\n")
        for line in lines:
            yield self._completed(line)
        if rest:
            self._keep(rest)

    def rest(self) -> bytes:
        """Return what came after the last line end."""
        return self._completed(b"")

    def _completed(self, end: bytes) -> bytes:
        if not self._pieces:
            return end
        self._keep(end)
        line = b"".join(self._pieces)
        self._pieces.clear()
        self._size_bytes = 0
        return line

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size_bytes += len(piece)
        if self._size_bytes > self._max_bytes:
            raise LimitReachedError(
                f"The agent wrote a line of more than {self._max_bytes / 2**20:g} MB "
                "and was stopped.",
                Limit.LINE,
            )
