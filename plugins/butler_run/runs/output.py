"""Collects the output of an agent, and excerpts it for a phone."""

from collections.abc import Callable

from butler import fenced
from butler_run.agents.complaints import is_error_alone
from butler_run.text.markdown import printed, shortened, tail, whatsapp

SHOWN = 1200
_LEAST_SHOWN = 400
MAX_KEPT = 1_000_000


class Output:
    """The text of a run: bounded, in sections, for a tool at work ends what was said before.

    Args:
        is_output: It is what a program printed: no Markdown, and its end tells most.
        hide: Hides secrets, in the whole text: half of one would no longer look like it.
    """

    def __init__(
        self, *, is_output: bool = False, hide: Callable[[str], str] = lambda text: text
    ) -> None:
        self._is_output = is_output
        self._hide = hide
        self._sections: list[list[str]] = [[]]
        self._size = 0
        self.is_cut = False

    def add(self, piece: str) -> None:
        """Append a piece; drop everything beyond a million characters."""
        room = MAX_KEPT - self._size
        self.is_cut = self.is_cut or len(piece) > room
        if room > 0:
            self._sections[-1].append(piece[:room])
            self._size += len(piece)

    def end_section(self) -> None:
        """Start a new section, unless the current one is empty."""
        if self._sections[-1]:
            self._sections.append([])

    def drop_error(self) -> None:
        """Drop the last section if it is nothing but an error, which is said in other words."""
        if not self._is_output and is_error_alone("".join(self._sections[-1])):
            self._sections[-1] = []

    def full(self) -> str:
        """Return all that was said."""
        text = "\n\n".join(section for section in self._texts() if section)
        return f"{text}\n\n(The rest was cut off.)" if self.is_cut else text

    def shown(self, beside: int = 0) -> tuple[str, bool]:
        """Return an excerpt for a phone, and whether it is complete.

        A long text is reduced to its end, because an agent sums up after its last tool.

        Args:
            beside: The number of characters shown next to it.
        """
        room = max(SHOWN - beside, _LEAST_SHOWN)
        if self._is_output:
            return self._printed(room)
        full = whatsapp(self.full())
        if len(full) <= room:
            return full, True
        last = next((each for each in reversed(self._texts()) if each), "")
        return shortened(whatsapp(last), room), False

    def _printed(self, room: int) -> tuple[str, bool]:
        text = self.full()
        block = fenced(text) if text else ""
        return (block, True) if len(block) <= room else (tail(block, room), False)

    def _texts(self) -> list[str]:
        sections = ("".join(section) for section in self._sections)
        if self._is_output:  # before the rest, which takes each overwritten state for a line
            return [self._hide(printed(text)) for text in sections]
        return [self._hide(text).strip() for text in sections]
