"""Small helps for sentences made of what agents say."""

_SHORT = 300


def on_one_line(text: str, limit: int = _SHORT) -> str:
    """Return ``text`` on one line, at most ``limit`` characters, without a full stop at its end."""
    line = " ".join(text[: limit * 4].split())
    if len(line) > limit:
        return line[: limit - 1] + "…"
    return line.rstrip(".")
