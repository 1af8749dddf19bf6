"""Messages inside messages, and the marks of those that were passed on.

Field numbers are those of WhatsApp's E2E.Message.
"""

from whatsapp_server.protobuf import Fields, Value, encode

CONTEXT_INFO = 35

WRAPPERS = {
    "deviceSent": 31,
    "viewOnce": 37,
    "ephemeral": 40,
    "documentWithCaption": 53,
    "viewOnceV2": 55,
    "edited": 58,
    "viewOnceV2Extension": 59,
    "groupMentioned": 62,
    "botInvoke": 67,
    "lottieSticker": 74,
    "comment": 77,
    "eventCoverImage": 85,
    "statusMention": 87,
    "pollCreationOptionImage": 90,
    "associatedChild": 91,
    "groupStatusMention": 92,
    "pollCreationV4": 93,
    "statusAddYours": 95,
    "groupStatus": 96,
    "limitSharing": 99,
    "botTask": 100,
    "question": 101,
    "groupStatusV2": 103,
    "botForwarded": 104,
    "questionReply": 106,
    "newsletterAdminProfile": 116,
    "spoiler": 118,
    "newsletterAdminProfileStatus": 126,
    "botPlatformRegistrationSuccess": 131,
    "newsletterScheduled": 132,
    "acp2Setting": 133,
    "audioSticker": 134,
}
"""The fields that hold another message, by name."""

FORWARD_MARKS: dict[str, tuple[int, Value]] = {
    "score": (21, 1),
    "flag": (22, 1),
    "newsletter": (43, encode((1, "120363400000000001@newsletter"), (2, 7), (3, "News"))),
    "business": (44, encode((1, "15550300001@s.whatsapp.net"))),
    "bot": (56, encode((1, "Meta AI"), (2, "867051314767696@bot"))),
    "origin": (67, 1),
}
"""What the context of a message passed on has, one of these or several."""


def wrapped(name: str, raw: bytes) -> bytes:
    """Return a message inside a wrapper; its secret stays beside that, as phones send it."""
    if name == "deviceSent":
        return device_sent("1@lid", raw)
    body, beside = _parted(raw)
    return encode((WRAPPERS[name], encode((1, body)))) + beside


def device_sent(destination: str, raw: bytes) -> bytes:
    """Return the copy by which a device tells the account's others what it sent, and where."""
    body, beside = _parted(raw)
    return encode((WRAPPERS["deviceSent"], encode((1, destination), (2, body)))) + beside


def _parted(raw: bytes) -> tuple[bytes, bytes]:
    """Return the message, and what stands beside it, which is its last field."""
    fields = Fields(raw)
    if CONTEXT_INFO not in fields:
        return raw, b""
    beside = encode((CONTEXT_INFO, fields.data(CONTEXT_INFO)))
    return raw.removesuffix(beside), beside
