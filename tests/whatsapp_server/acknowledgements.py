"""Whether the bot's messages are accepted, and whether it is told."""

import enum
from dataclasses import dataclass

from whatsapp_server.elements import Element
from whatsapp_server.line import Line


class _Mode(enum.Enum):
    SEND = enum.auto()
    HOLD = enum.auto()
    LOSE = enum.auto()


@dataclass(slots=True)
class _Rejection:
    error: int
    left: int | None


class Acknowledgements:
    """How the server answers messages of the bot; normally it accepts them and says so."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._mode = _Mode.SEND
        self._lost_left: int | None = None
        self._held: list[Element] = []
        self._rejection: _Rejection | None = None

    def hold(self) -> None:
        """Keep acknowledgements back until they are released."""
        self._mode = _Mode.HOLD

    def release(self) -> None:
        """Send what was held, and from now on at once."""
        self._mode = _Mode.SEND
        held, self._held = self._held, []
        for acknowledgement in held:
            self._line.send(acknowledgement)

    def lose(self, count: int | None) -> None:
        """Lose the next acknowledgements, or all."""
        self._mode, self._lost_left = _Mode.LOSE, count

    def reject(self, error: int, count: int | None) -> None:
        """Refuse the next messages, or all, with this error."""
        self._rejection = _Rejection(error, count)

    def accept(self) -> None:
        """Behave normally again; what is held stays held until it is released."""
        self._rejection = None
        if self._mode is _Mode.LOSE:
            self._mode = _Mode.SEND

    def next_error(self) -> int | None:
        """Return the error for the message that just came, if it is refused."""
        rejection = self._rejection
        if rejection is None:
            return None
        if rejection.left is not None:
            rejection.left -= 1
            if rejection.left <= 0:
                self._rejection = None
        return rejection.error

    def send(self, acknowledgement: Element) -> None:
        """Send, hold or lose an acknowledgement."""
        if self._mode is _Mode.HOLD:
            self._held.append(acknowledgement)
        elif not self._loses():
            self._line.send(acknowledgement)

    def _loses(self) -> bool:
        if self._mode is not _Mode.LOSE:
            return False
        if self._lost_left is not None:
            self._lost_left -= 1
            if self._lost_left <= 0:
                self._mode = _Mode.SEND
        return True
