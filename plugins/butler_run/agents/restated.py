"""Recognises repeated text: some agents stream an answer in pieces, then send all of it."""

_LEAST_CHARS = 20
_MOST_CHARS = 1_000_000


class Restated:
    """The text of an answer so far, in sections, as tools separate them."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._offered = 0
        self._size = 0
        self._section_start = 0
        self._section_size = 0
        self._is_section_over = False

    def add(self, text: str) -> None:
        """Add a piece of the answer; beyond a million characters it is no longer compared."""
        self._offered += len(text)
        if self._offered > _MOST_CHARS:
            return
        if self._is_section_over:
            self._section_start, self._section_size = len(self._pieces), 0
            self._is_section_over = False
        self._pieces.append(text)
        self._size += len(text)
        self._section_size += len(text)

    def end_section(self) -> None:
        """Let the next piece begin a new section."""
        self._is_section_over = True

    def last_section(self) -> str:
        """Return the text since the last tool."""
        return "" if self._is_section_over else "".join(self._pieces[self._section_start :])

    def is_all_of(self, text: str) -> bool:
        """Return whether ``text`` repeats the last section, or the whole answer."""
        return self._is_again(text, self._section_start, self._section_size) or self._is_again(
            text, 0, self._size
        )

    def has_part(self, text: str) -> bool:
        """Return whether ``text`` is part of the answer."""
        return _squeezed(text) in _squeezed("".join(self._pieces))

    def _is_again(self, text: str, start: int, size: int) -> bool:
        count = len(self._pieces) - start
        is_whole = count > 1 or len(text) >= _LEAST_CHARS
        # Pieces may differ from the whole in white space; most are too short to compare.
        if count == 0 or not is_whole or 2 * len(text) < size:
            return False
        return _squeezed(text) == _squeezed("".join(self._pieces[start:]))


def _squeezed(text: str) -> str:
    return "".join(text.split())
