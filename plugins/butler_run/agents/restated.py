"""Recognises what an agent says once more: some stream an answer in pieces, then send it whole."""

_LEAST_CHARS = 20
_MOST_CHARS = 1_000_000


class Restated:
    """The text of an answer so far, in sections, as tools separate them."""

    def __init__(self) -> None:
        self._sections: list[list[str]] = [[]]
        self._size = 0

    def add(self, text: str) -> None:
        """Add what was said; an answer beyond a million characters is not looked at any more."""
        self._size += len(text)
        if self._size <= _MOST_CHARS:
            self._sections[-1].append(text)

    def end_section(self) -> None:
        """Begin a new section."""
        if self._sections[-1]:
            self._sections.append([])

    def is_all_of(self, text: str) -> bool:
        """Return whether ``text`` is the last section, or all of the answer, over again."""
        return any(self._is_again(text, said) for said in self._said())

    def has_part(self, text: str) -> bool:
        """Return whether ``text`` is part of the answer."""
        said = "".join(piece for section in self._sections for piece in section)
        return _squeezed(text) in _squeezed(said)

    def _said(self) -> list[list[str]]:
        last = next((each for each in reversed(self._sections) if each), [])
        return [last, [piece for section in self._sections for piece in section]]

    def _is_again(self, text: str, said: list[str]) -> bool:
        is_whole = len(said) > 1 or len(text) >= _LEAST_CHARS
        # Pieces may differ from the whole in white space; most are too short to be looked at.
        if not said or not is_whole or 2 * len(text) < self._size_of(said):
            return False
        return _squeezed(text) == _squeezed("".join(said))

    def _size_of(self, said: list[str]) -> int:
        return sum(map(len, said))


def _squeezed(text: str) -> str:
    return "".join(text.split())
