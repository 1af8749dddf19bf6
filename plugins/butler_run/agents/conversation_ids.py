"""Ids of conversations, as agents and their files name them."""

import re

# A person may type it behind "--resume" in a terminal, where "--yolo" would be an option.
_USABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@=+-]{0,199}")


def usable(conversation_id: str) -> str | None:
    """Return an id by which a conversation can be continued; None if it is nothing of the kind."""
    return conversation_id if _USABLE.fullmatch(conversation_id) else None
