"""What an agent says, gathered piece by piece, and how much of it a phone gets to see."""

from butler_run.text.markdown import shortened, tail, whatsapp

SHOWN = 1200
_LEAST_SHOWN = 400
MAX_KEPT = 1_000_000


class Output:
    """The text of a run: bounded, in sections, for a tool at work ends what was said before.

    Args:
        is_output: It is what a program printed, and the end of that tells most.
    """

    def __init__(self, *, is_output: bool = False) -> None:
        self._is_output = is_output
        self._sections: list[list[str]] = [[]]
        self._size = 0
        self.is_cut = False

    def add(self, piece: str) -> None:
        """Take the next piece; what is beyond a million characters is left out."""
        room = MAX_KEPT - self._size
        self.is_cut = self.is_cut or len(piece) > room
        if room > 0:
            self._sections[-1].append(piece[:room])
            self._size += len(piece)

    def end_section(self) -> None:
        """Begin a new section, unless nothing was said in this one."""
        if self._sections[-1]:
            self._sections.append([])

    @property
    def full(self) -> str:
        """All that was said."""
        text = "\n\n".join(section for section in self._texts() if section)
        return f"{text}\n\n(The rest is left out.)" if self.is_cut else text

    def shown(self, beside: int = 0) -> tuple[str, bool]:
        """Return what to show on a phone, and whether that is all.

        Where all is too much it is what was said last: after its last tool an agent sums up.

        Args:
            beside: So many characters are shown beside it.
        """
        full, room = whatsapp(self.full), max(SHOWN - beside, _LEAST_SHOWN)
        if len(full) <= room:
            return full, True
        if self._is_output:
            return tail(full, room), False
        last = next((each for each in reversed(self._texts()) if each), "")
        return shortened(whatsapp(last), room), False

    def _texts(self) -> list[str]:
        return ["".join(section).strip() for section in self._sections]
