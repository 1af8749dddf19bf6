"""Mentions of the linked account in a text: they say to whom it is written, and nothing else."""

import re
from collections.abc import Iterable
from dataclasses import replace

from butler.chat.message import Message


class OwnMentions:
    """Removes the mentions of the linked account from messages, wherever they stand.

    Args:
        names: What stands after the ``@``, in any case.
    """

    def __init__(self, names: Iterable[str]) -> None:
        mention = f"@(?:{'|'.join(map(re.escape, names))})" + r"(?![\w.-]*\w)"
        self._leading = re.compile(rf"\A\s*{mention}[\s,:]*", re.IGNORECASE)
        self._anywhere = re.compile(rf"(?<!\s)\s{{0,9}}{mention}", re.IGNORECASE)

    def removed(self, message: Message) -> Message:
        """Return the message without them, and as one to the bot if there were any."""
        text = self._anywhere.sub("", self._leading.sub("", message.text))
        return message if text == message.text else replace(message, text=text, is_to_bot=True)
