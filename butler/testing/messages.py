"""Messages as a chat network hands them over."""

import itertools
import time
from typing import Any

from butler.chat.message import Message, Person

OWNER = Person(phone="+4915112345678")
"""The owner in the configuration that ``butler_toml`` gives."""

_ids = itertools.count(1)


def make_message(
    text: str = "", chat_id: str = "team@g.us", sender: Person = OWNER, **details: Any
) -> Message:
    """Make a message that was sent just now, with an id of its own.

    Args:
        text: What was written.
        chat_id: Where.
        sender: By whom.
        details: Further fields of the message, such as ``quoted_id`` or ``is_forwarded``.
    """
    fields: dict[str, Any] = {"id": f"message-{next(_ids)}", "time": time.time()} | details
    return Message(chat_id=chat_id, sender=sender, text=text, **fields)
