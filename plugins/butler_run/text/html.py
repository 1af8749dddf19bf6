"""HTML in an agent's Markdown → WhatsApp's mark-up."""

import re
from collections.abc import Iterator

_MARKS: dict[str, str] = {
    **dict.fromkeys(("b", "strong", "summary", "h1", "h2", "h3", "h4", "h5", "h6"), "*"),
    **dict.fromkeys(("i", "em"), "_"),
    **dict.fromkeys(("s", "del", "strike"), "~"),
    **dict.fromkeys(("code", "kbd"), "`"),
    **dict.fromkeys(("br", "p", "div", "tr"), "\n"),
    "li": "\n- ",
    "hr": "\n———\n",
}
_WITHOUT_MARK = (
    *("a", "details", "font", "img", "ins", "mark", "ol", "picture", "pre", "q", "section"),
    *("small", "source", "span", "sub", "sup", "table", "tbody", "td", "th", "thead", "u", "ul"),
)
_MARKS |= dict.fromkeys(_WITHOUT_MARK, "")
_ENDS = _MARKS | {"li": "", "hr": "", "br": ""}
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,15})(?:\s[^<>]{0,1000})?/?>")
_SUMMARY_END = re.compile(r"(</summary>)(?!\s{0,9}\n)", re.IGNORECASE)
_COMMENT = "<!--"


def without_tags(html: str) -> str:
    """Return the text of ``html``: tags as the mark-up that they mean, comments left out.

    What is no tag of HTML, such as ``<T>``, stays.
    """
    own_line = _SUMMARY_END.sub(r"\1\n", "".join(_without_comments(html)))
    return _TAG.sub(_mark, own_line)


def _without_comments(html: str) -> Iterator[str]:
    start = 0
    while (comment := html.find(_COMMENT, start)) >= 0:
        yield html[start:comment]
        end = html.find("-->", comment + len(_COMMENT))
        if end < 0:
            return
        start = end + len("-->")
    yield html[start:]


def _mark(tag: re.Match[str]) -> str:
    marks = _ENDS if tag[1] else _MARKS
    return marks.get(tag[2].lower(), tag[0])
