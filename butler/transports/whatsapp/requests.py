"""From a reply to what the gateway is asked to send."""

from collections.abc import Sequence
from dataclasses import replace

from butler.message import Message, Reply
from butler.transports.whatsapp.frames import MOST_QUOTED_CHARS, Send
from butler.transports.whatsapp.parts import fewer
from butler.transports.whatsapp.turns import Turns


def whole(
    turns: Turns, chat_id: str, reply: Reply, text: str, file_name: str | None = None
) -> Send:
    """Return the request for a reply in one piece, as a document if it has a name."""
    key = turns.reply_key(reply.answers)
    return Send(key, chat_id, text, _quoted(reply.answers), reply.edits, file_name)


def in_parts(turns: Turns, chat_id: str, reply: Reply, pieces: Sequence[str]) -> list[Send]:
    """Return the requests for the parts of a reply; only the first one can be an edit."""
    first, *others = fewer(pieces)
    found = [whole(turns, chat_id, reply, first)]
    for piece in others:
        part = whole(turns, chat_id, reply._replace(edits=None), piece)
        found.append(replace(part, follows=found[-1].key))
    return found


def _quoted(message: Message | None) -> Message | None:
    return message and replace(message, text=message.text[:MOST_QUOTED_CHARS])
