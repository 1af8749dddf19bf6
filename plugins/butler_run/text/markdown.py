"""Converts an agent's Markdown to WhatsApp's mark-up, shortened for a phone.

``whatsapp`` translates; ``shortened`` and ``tail`` cut without breaking a code fence.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from butler import fenced
from butler_run.text.html import without_tags

if TYPE_CHECKING:
    # Slow to import, and not needed before an agent has answered.
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

# The parser is linear, at worst 15 µs a character ("![" repeated), which makes 50 ms. A phone shows
# half as much.
MAX_PARSED = 3_000

MAX_CELLS = 5_000
"""A row of a table is filled up to the width of its head, however short it is written."""

WIDEST_TABLE = 36
"""Columns of a code block that a phone shows without breaking its lines."""

_FENCE = "```"
_ELLIPSIS = "…"
_INDENT = "  "
_MARKS = {"strong": "*", "em": "_", "s": "~"}
_BLANK_LINES = re.compile(r"\n{3,}")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


def clean(text: str) -> str:
    """Return ``text`` without terminal escapes and control characters, lines ended by ``\\n``."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", _ESCAPES.sub("", lines))


def whatsapp(markdown: str) -> str:
    """Return ``markdown`` in WhatsApp's mark-up.

    Only the beginning of a text longer than 3,000 characters is translated.
    """
    text = clean(markdown)
    if len(text) > MAX_PARSED:
        cut = text.rfind("\n\n", 0, MAX_PARSED)
        cut = cut if cut > 0 else MAX_PARSED
        return f"{_translated(text[:cut])}\n\n{text[cut:].strip()}"
    return _translated(text)


def printed(output: str) -> str:
    """Return what a program printed as a terminal shows it in the end: no mark-up, no escapes.

    Of a line that was overwritten, such as one of a progress bar, only the last state is kept.
    """
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in _ESCAPES.sub("", output).split("\n"))
    return _CONTROLS.sub("", "\n".join(lines)).strip("\n")


def shortened(text: str, limit: int = 1200) -> str:
    """Return the beginning of ``text``, at most ``limit`` characters, with every fence closed.

    Cuts between lines if there is a line end in the last half, else between words, and ends in
    ``…`` if anything was cut.
    """
    if len(text) <= limit:
        return text
    room = limit - len(f"\n{_FENCE}\n{_ELLIPSIS}")
    kept = text[: _place_to_cut(text, room)].rstrip()
    if _is_fence_open(kept):
        return f"{kept}\n{_FENCE}\n{_ELLIPSIS}"
    return f"{kept}\n{_ELLIPSIS}" if kept.endswith(_FENCE) else f"{kept} {_ELLIPSIS}"


def tail(text: str, limit: int = 1200) -> str:
    """Return the end of ``text``, at most ``limit`` characters, with every fence opened.

    Begins with ``…`` if anything was cut, at a line if one begins in the first half.
    """
    if len(text) <= limit:
        return text
    room = limit - len(f"{_ELLIPSIS}\n{_FENCE}\n")
    start = len(text) - room
    line = text.find("\n", start - 1, start + room // 2) + 1
    kept = text[line or start :]
    opening = f"{_FENCE}\n" if _is_fence_open(text[: line or start]) else ""
    return f"{_ELLIPSIS}\n{opening}{kept}"


def _translated(markdown: str) -> str:
    """Return ``markdown`` in WhatsApp's mark-up; as it is where it is nested beyond measure."""
    from markdown_it.tree import SyntaxTreeNode

    try:
        tree = SyntaxTreeNode(_parser(markdown).parse(markdown))
        return _BLANK_LINES.sub("\n\n", _blocks(tree.children)).strip()
    except RecursionError:
        return markdown.strip()


def _parser(markdown: str) -> "MarkdownIt":
    """Return a parser; without tables where one could have more cells than there are characters."""
    from markdown_it import MarkdownIt

    lines = markdown.split("\n")
    cells = len(lines) * max(line.count("|") for line in lines)
    tables = ["table"] if cells <= MAX_CELLS else []
    return MarkdownIt("commonmark").enable([*tables, "strikethrough"])


def _blocks(nodes: Iterable["SyntaxTreeNode"], joint: str = "\n\n") -> str:
    return joint.join(_block(node) for node in nodes)


def _block(node: "SyntaxTreeNode") -> str:
    match node.type:
        case "heading":
            return _marked(_inline(node.children, frozenset({"strong"})), "*")
        case "paragraph":
            return _inline(node.children)
        case "bullet_list" | "ordered_list":
            return "\n".join(_items(node))
        case "blockquote":
            return "\n".join(f"> {line}" for line in _blocks(node.children).split("\n"))
        case "fence" | "code_block":
            return fenced(node.content)
        case "table":
            return _table(node)
        case "hr":
            return "———"
        case "html_block":
            return without_tags(node.content).strip()
        case _:
            return node.content.strip()


def _items(node: "SyntaxTreeNode") -> Iterator[str]:
    first = int(node.attrs.get("start", 1))
    for number, item in enumerate(node.children, start=first):
        bullet = f"{number}. " if node.type == "ordered_list" else "- "
        text = _blocks(item.children, "\n")
        # Mark-up of a code fence counts only at the beginning of a line.
        yield bullet + (text if _FENCE in text else text.replace("\n", f"\n{_INDENT}"))


def _table(node: "SyntaxTreeNode") -> str:
    """Return a table as a code block, or where a phone is too narrow, row by row."""
    rows = [
        [_inline(cell.children, frozenset(_MARKS)).replace("\n", " ") for cell in row.children]
        for section in node.children
        for row in section.children
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + 2 * (len(widths) - 1) > WIDEST_TABLE and len(rows) > 1:
        return "\n\n".join(_named_cells(rows[0], row) for row in rows[1:])
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return fenced("\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]]))


def _named_cells(head: Sequence[str], row: Sequence[str]) -> str:
    cells = zip(head, row, strict=True)
    return "\n".join(f"*{name}*: {cell}" if name else cell for name, cell in cells if cell)


def _inline(nodes: Iterable["SyntaxTreeNode"], unmarked: frozenset[str] = frozenset()) -> str:
    return "".join(_span(node, unmarked) for node in nodes)


def _span(node: "SyntaxTreeNode", unmarked: frozenset[str]) -> str:
    match node.type:
        case "inline":
            return _inline(node.children, unmarked)
        case "softbreak" | "hardbreak":
            return "\n"
        case "html_inline":
            return without_tags(node.content)
        case "code_inline":
            return f"`{node.content}`"
        case "link":
            return _link(_inline(node.children, unmarked), str(node.attrs["href"]))
        case "image":
            return _link(node.content, str(node.attrs["src"]))
        case "strong" | "em" | "s" if node.type not in unmarked:
            return _marked(_inline(node.children, unmarked | {node.type}), _MARKS[node.type])
        case "strong" | "em" | "s":
            return _inline(node.children, unmarked)
        case _:
            return node.content


def _marked(text: str, mark: str) -> str:
    """Put ``mark`` around each line, as WhatsApp's marks do not span line breaks."""
    return "\n".join(f"{mark}{line}{mark}" if line.strip() else line for line in text.split("\n"))


def _link(text: str, address: str) -> str:
    bare = address.removeprefix("mailto:")
    return f"{text} ({bare})" if text and text not in {address, bare} else bare


def _end_of_the_last_whole_word(text: str) -> int:
    return max(text.rfind(" "), text.rfind("\n"), text.rfind("\t")) + 1


def _place_to_cut(text: str, room: int) -> int:
    for end in ("\n\n", "\n", " "):
        cut = text.rfind(end, room // 2, room + 1)
        if cut > 0:
            return cut
    return room


def _is_fence_open(text: str) -> bool:
    return text.count(_FENCE) % 2 == 1
