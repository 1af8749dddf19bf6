"""Recognises what an agent says once more: some stream an answer in pieces, then send it whole."""

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
        """Add what was said; an answer beyond a million characters is not looked at any more."""
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
        """Begin a new section with what is said next."""
        self._is_section_over = True

    def last_section(self) -> str:
        """Return what was said since the last tool."""
        return "" if self._is_section_over else "".join(self._pieces[self._section_start :])

    def is_all_of(self, text: str) -> bool:
        """Return whether ``text`` is the last section, or all of the answer, over again."""
        return self._is_again(text, self._section_start, self._section_size) or self._is_again(
            text, 0, self._size
        )

    def has_part(self, text: str) -> bool:
        """Return whether ``text`` is part of the answer."""
        return _squeezed(text) in _squeezed("".join(self._pieces))

    def _is_again(self, text: str, start: int, size: int) -> bool:
        count = len(self._pieces) - start
        is_whole = count > 1 or len(text) >= _LEAST_CHARS
        # Pieces may differ from the whole in white space; most are too short to be looked at.
        if count == 0 or not is_whole or 2 * len(text) < size:
            return False
        return _squeezed(text) == _squeezed("".join(self._pieces[start:]))


def _squeezed(text: str) -> str:
    return "".join(text.split())
