"""Splits long texts into messages."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from butler.transports.whatsapp.protocol.frames import MAX_DOCUMENT_BYTES, MAX_TEXT_CHARS

LIMIT = 4_000
LEFT_OUT = "(The rest was cut off.)"
MOST_PARTS = 10
"""More messages in a row look like spam to WhatsApp."""

_FENCE = "```"


def parts(text: str, limit: int = LIMIT) -> list[str]:
    """Split ``text`` into messages of at most ``limit`` UTF-16 code units each.

    Splits between paragraphs, else between lines, else between words, else anywhere. A code block
    that does not fit is closed at the end of one part and opened again in the next.
    """
    if not _exceeds(text, limit):
        return [text]
    found: list[str] = []
    current = ""
    for piece in _pieces(text, limit):
        if current and _exceeds((current + piece).rstrip("\n"), limit):
            found.append(current)
            current = ""
        current += piece
    found.append(current)
    return [part for each in found if (part := each.strip("\n"))]


def bounded(text: str) -> str:
    """Return ``text`` fit to be sent: cut at the maximum length, without lone surrogates."""
    whole = text.encode(errors="replace").decode()
    if len(whole) <= MAX_TEXT_CHARS:
        return whole
    return f"{whole[: MAX_TEXT_CHARS - len(LEFT_OUT) - 2]}\n\n{LEFT_OUT}"


def bounded_document(text: str) -> str:
    """Return ``text`` fit to be sent as a document: of its maximum size, see ``bounded``."""
    data = text.encode(errors="replace")
    if len(data) <= MAX_DOCUMENT_BYTES:
        return data.decode()
    end = f"\n\n{LEFT_OUT}"
    return data[: MAX_DOCUMENT_BYTES - len(end)].decode(errors="ignore") + end


def fewer(pieces: Sequence[str]) -> list[str]:
    """Return the parts of a text, up to the maximum number."""
    return [*pieces] if len(pieces) <= MOST_PARTS else [*pieces[: MOST_PARTS - 1], LEFT_OUT]


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph with the blank lines after it, or a code block with its fences."""

    lines: tuple[str, ...]
    is_code: bool

    @property
    def text(self) -> str:
        return "".join(self.lines)


def _pieces(text: str, limit: int) -> Iterator[str]:
    for block in _blocks(text.splitlines(keepends=True)):
        if not _exceeds(block.text.rstrip("\n"), limit):
            yield block.text
        elif block.is_code:
            yield from _code_pieces(block.lines, limit)
        else:
            yield from _line_pieces(block.lines, limit)


def _blocks(lines: Iterable[str]) -> Iterator[_Block]:
    block: list[str] = []
    is_code = False
    for line in lines:
        toggles = line.count(_FENCE) % 2 == 1
        if not is_code and (toggles or _is_after_blank(block, line)):
            yield _Block(tuple(block), is_code=False)
            block = []
        block.append(line)
        if toggles and is_code:
            yield _Block(tuple(block), is_code=True)
            block = []
        is_code ^= toggles
    yield _Block(tuple(block), is_code=is_code)


def _is_after_blank(block: list[str], line: str) -> bool:
    return bool(block and line.strip() and not block[-1].strip())


def _line_pieces(lines: Iterable[str], limit: int) -> Iterator[str]:
    for line in lines:
        rest = line
        while _exceeds(rest.rstrip("\n"), limit):
            end = _break(rest, limit)
            yield rest[:end] + "\n"
            rest = rest[end:].removeprefix(" ")
        yield rest


def _code_pieces(lines: tuple[str, ...], limit: int) -> Iterator[str]:
    """Yield code blocks of their own; one piece never shares a part with its successor."""
    opening, *inside = lines
    if inside and _FENCE in inside[-1]:
        inside.pop()
    before, _, behind = opening.rstrip("\n").partition(_FENCE)
    if before.strip():
        yield from _line_pieces([before + "\n"], limit)
    opening = _FENCE + behind
    if _size(opening) > limit // 4:
        inside.insert(0, behind + "\n")
        opening = _FENCE
    room = limit - _size(opening) - len(_FENCE) - 2
    current = ""
    for line in _line_pieces(inside, room):
        if current and _exceeds(current + line, room):
            yield f"{opening}\n{current}{_FENCE}\n"
            current = ""
        current += line if line.endswith("\n") else line + "\n"
    yield f"{opening}\n{current}{_FENCE}\n"


def _break(line: str, limit: int) -> int:
    end = limit
    while _size(line[:end]) > limit:
        end -= max(1, (_size(line[:end]) - limit) // 2)
    space = line.rfind(" ", end // 2, end)
    return space if space > 0 else end


def _exceeds(text: str, limit: int) -> bool:
    return len(text) > limit or _size(text) > limit


def _size(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
