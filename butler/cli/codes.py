"""Shows the codes that link an account, in the terminal and as an image."""

import io
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import segno

from butler.storage.files import replace_file

_SCAN = """\
Link Butler to your WhatsApp account.
On the phone: Settings, Linked devices, Link a device.
Scan the code. Ctrl-C cancels; otherwise this gives up at {end}.
"""
_TYPE = """\
On the phone: Settings, Linked devices, Link a device, Link with phone number instead.
Type this code there:  {code}
It lives for {life_s:.0f} s. Ctrl-C cancels; otherwise this gives up at {end}.
"""
_LIFE = "This code lives for {life_s:.0f} s, then the next one replaces it."
_TOO_SMALL = """\
The code does not fit here: it needs {rows} rows and {columns} columns,
and this window has {has_rows} and {has_columns}.
Enlarge the window, or show the code elsewhere, or type one instead:
  butler pair --png code.png
  butler pair --phone +49…"""

_QUIET_ZONE = 2
_BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m"
"""Of the fixed part of the palette: a theme changes the first 16 colours, and what is default."""

_PLAIN = "\x1b[0m"
_HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
_TO_THE_END = "\x1b[J"
_CLEARED = "\x1b[H\x1b[2J"


@dataclass(frozen=True, slots=True)
class _Shown:
    code: segno.QRCode
    life_s: float


class CodeDisplay:
    """Shows codes, each in place of the last where the output is a terminal.

    Args:
        terminal: The output.
        limit_s: After this time no more codes come.
        png: QR codes are also written to this file.
        size: Returns the columns and lines of the window.
    """

    def __init__(
        self,
        terminal: TextIO,
        limit_s: float,
        png: Path | None = None,
        size: Callable[[], tuple[int, int]] = shutil.get_terminal_size,
    ) -> None:
        self._terminal = terminal
        self._end = time.strftime("%H:%M", time.localtime(time.time() + limit_s))
        self._png = png
        self._size = size
        self._shown: _Shown | None = None
        self._height = 0

    def show_qr(self, text: str, life_s: float) -> None:
        """Show the QR code for ``text``, which expires after this number of seconds.

        Raises:
            DataError: The PNG file cannot be written.
        """
        if self._shown is None:
            self._terminal.write(_SCAN.format(end=self._end))
        self._shown = _Shown(segno.make(text, error="l"), life_s)
        if self._png is not None:
            _write_png(self._shown.code, self._png)
        self._draw(self._shown)

    def redraw(self) -> None:
        """Redraw the code after a change of the window size."""
        if self._shown is not None:
            self._terminal.write(f"{_CLEARED}{_SCAN.format(end=self._end)}")
            self._height = 0
            self._draw(self._shown)

    def show_code(self, code: str, life_s: float) -> None:
        """Show the code to type on the phone before its timeout."""
        self._terminal.write(_TYPE.format(code=code, life_s=life_s, end=self._end))
        self._terminal.flush()

    def _draw(self, shown: _Shown) -> None:
        columns, _rows = self._size()
        lines = list(self._lines(shown))
        if self._terminal.isatty():
            if self._height:
                self._terminal.write(f"\x1b[{self._height}F{_TO_THE_END}")
            self._height = sum(_height(line, columns) for line in lines)
        self._terminal.write("".join(f"{line}\n" for line in lines))
        self._terminal.flush()

    def _lines(self, shown: _Shown) -> Iterator[str]:
        drawn = list(drawing(shown.code))
        columns = shown.code.symbol_size(border=_QUIET_ZONE)[0]
        has_columns, has_rows = self._size()
        below = [*self._below(shown)]
        rows = len(drawn) + len(below) + 1  # and one for the cursor
        if not self._terminal.isatty() or (rows <= has_rows and columns <= has_columns):
            yield from drawn
        elif self._png is None:
            yield from _TOO_SMALL.format(
                rows=rows, columns=columns, has_rows=has_rows, has_columns=has_columns
            ).splitlines()
            return
        yield from below

    def _below(self, shown: _Shown) -> Iterator[str]:
        if self._png is not None:
            yield f"The code is in {self._png}."
        yield _LIFE.format(life_s=shown.life_s)


def _height(line: str, columns: int) -> int:
    """Return how many rows of a window a line takes; a drawing always fits."""
    return 1 if line.startswith(_BLACK_ON_WHITE) else max(1, -(-len(line) // columns))


def drawing(code: segno.QRCode) -> Iterator[str]:
    """Yield the lines of a QR code, black on white whatever the colours of the terminal."""
    rows = [[int(bool(cell)) for cell in row] for row in code.matrix_iter(border=_QUIET_ZONE)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        halves = "".join(_HALVES[pair] for pair in zip(upper, lower, strict=True))
        yield f"{_BLACK_ON_WHITE}{halves}{_PLAIN}"


def _write_png(code: segno.QRCode, path: Path) -> None:
    image = io.BytesIO()
    code.save(image, kind="png", scale=8, border=4)
    replace_file(path, image.getvalue())
