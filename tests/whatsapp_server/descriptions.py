"""What a message's protobuf says, in a few words."""

from dataclasses import dataclass, replace

from whatsapp_server.protobuf import Fields

_DEVICE_SENT = 31
_WRAPPERS = (37, 40, 53, 55, 58, 59, 62, 67, 118)
"""View once, ephemeral, document with caption, view once (second form), edited, view once (third
form), mention of a group, question to an AI, spoiler."""
_WITH_CAPTION = {3: ("image", 3), 9: ("video", 7), 66: ("video note", 7), 7: ("document", 20)}
_CONVERSATION, _EXTENDED_TEXT, _PROTOCOL, _REACTION, _SEALED = 1, 6, 12, 46, 82
_PLAIN = {
    4: "contact",
    5: "location",
    8: "audio",
    13: "contacts",
    18: "live location",
    26: "sticker",
    28: "group invitation",
    49: "poll",
    60: "poll",
    63: "pin",
    64: "poll",
    75: "event",
    83: "album",
    86: "sticker pack",
    104: "forwarded from an AI",
    111: "poll",
    119: "poll",
    122: "event invitation",
}
_REVOKE, _EDIT = 0, 14


@dataclass(frozen=True, slots=True)
class Description:
    """The kind of a message (``text``, ``edit``, ``document``, …) and what can be read in it."""

    kind: str
    text: str = ""
    quoted_id: str | None = None
    mentions: tuple[str, ...] = ()
    target_id: str | None = None
    """Of an edit, revoke or reaction: the id of the message it is about."""


def description(raw: bytes) -> Description:
    """Return what a message says."""
    fields = unwrapped(Fields(raw))
    if _CONVERSATION in fields:
        return Description("text", fields.text(_CONVERSATION))
    if _EXTENDED_TEXT in fields:
        return _with_context("text", fields.message(_EXTENDED_TEXT), 1)
    for number, (kind, caption) in _WITH_CAPTION.items():
        if number in fields:
            return _with_context(kind, fields.message(number), caption)
    if _REACTION in fields:
        reaction = fields.message(_REACTION)
        return Description("reaction", reaction.text(2), target_id=reaction.message(1).text(3))
    if _PROTOCOL in fields:
        return _protocol(fields.message(_PROTOCOL))
    if _SEALED in fields:
        return Description("sealed edit", target_id=fields.message(_SEALED).message(1).text(3))
    return Description(_plain_kind(fields))


def unwrapped(fields: Fields) -> Fields:
    """Return the message inside all wrappers."""
    if _DEVICE_SENT in fields:
        return unwrapped(fields.message(_DEVICE_SENT).message(2))
    for wrapper in _WRAPPERS:
        if wrapper in fields:
            return unwrapped(fields.message(wrapper).message(1))
    return fields


def _with_context(kind: str, fields: Fields, text_number: int) -> Description:
    context = fields.message(17)
    mentions = tuple(mention.decode() for mention in context.all_data(15))
    return Description(kind, fields.text(text_number), context.text(1) or None, mentions)


def _protocol(fields: Fields) -> Description:
    target_id = fields.message(1).text(3)
    kind = fields.integer(2)
    if kind == _EDIT or _EDIT in fields:
        return replace(description(fields.data(_EDIT)), kind="edit", target_id=target_id)
    return Description("revoke" if kind == _REVOKE else f"protocol {kind}", target_id=target_id)


def _plain_kind(fields: Fields) -> str:
    known = (kind for number, kind in _PLAIN.items() if number in fields)
    return next(known, "unknown: " + ", ".join(map(str, fields.numbers())))
