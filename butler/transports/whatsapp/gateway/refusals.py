"""The rules for messages that are ignored regardless of their sender."""

import re
from typing import Any

from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import ProtocolMessage, SecretEncryptedMessage

from butler.access.rules import Refusal
from butler.transports.whatsapp.gateway.contents import Body
from butler.transports.whatsapp.gateway.jids import address
from butler.transports.whatsapp.protocol.frames import (
    EDITED_TOO_LATE,
    UNREADABLE_EDIT,
    WITHDRAWN,
)

_AI = re.compile(r".*@bot|(1313555[0-9]{4}|131655500[0-9]{2})@s\.whatsapp\.net")
"""The addresses of Meta AI (whatsmeow, types/jid.go)."""

_UNANSWERED = {"newsletter": "newsletter", "broadcast": "status or broadcast list"}
_NAMED = {
    **dict.fromkeys(("pollUpdateMessage", "pollAddOptionMessage"), "poll"),
    "reactionMessage": "reaction removed",
    "encReactionMessage": "reaction",
    "": "unknown kind",
}
_NOT_OWN_WORDS = {
    "richResponseMessage": "words of an AI",
    "botInvokeMessage": "question to an AI",
    **dict.fromkeys(
        (
            "statusMentionMessage",
            "groupStatusMentionMessage",
            "groupStatusMessage",
            "groupStatusMessageV2",
            "statusAddYours",
            "statusQuotedMessage",
            "statusNotificationMessage",
            "statusQuestionAnswerMessage",
            "statusStickerInteractionMessage",
        ),
        "status post",
    ),
    **dict.fromkeys(
        (
            "commentMessage",
            "encCommentMessage",
            "questionMessage",
            "questionReplyMessage",
            "questionResponseMessage",
            "newsletterAdminInviteMessage",
            "newsletterAdminProfileMessage",
            "newsletterAdminProfileStatusMessage",
            "newsletterFollowerInviteMessageV2",
            "newsletterScheduledMessage",
        ),
        "channel",
    ),
    **dict.fromkeys(
        (
            "albumMessage",
            "associatedChildMessage",
            "eventCoverImage",
            "pollCreationOptionImageMessage",
        ),
        "part of another message",
    ),
}
_PROTOCOL = {
    ProtocolMessage.REVOKE: "deleted",
    ProtocolMessage.MESSAGE_EDIT: EDITED_TOO_LATE.rule,
}


def unanswered(info: Any) -> Refusal | None:
    """Return why messages from this source are never answered; None if they may be."""
    source = info.MessageSource
    if source.Chat.Server in _UNANSWERED:
        return Refusal(_UNANSWERED[source.Chat.Server], address(source.Chat))
    ends = (source.Chat, source.RecipientAlt, source.Sender, source.SenderAlt)
    if any(_AI.fullmatch(address(end)) for end in ends):
        return Refusal("chat with an AI", address(source.Chat))
    return None


def not_own_words(content: Content, found: Body) -> Refusal | None:
    """Return why this is not the sender speaking in this chat; None if it is."""
    if rule := _NOT_OWN_WORDS.get(found.kind):
        return Refusal(rule, found.kind)
    context = found.context
    if context is not None and context.isGroupStatus:
        return Refusal("status post", found.kind)
    # The library removes the wrapper of such a question; only these signs of it are left.
    is_mentioned = context is not None and any(_AI.fullmatch(each) for each in context.mentionedJID)
    if is_mentioned or content.messageContextInfo.HasField("botMetadata"):
        return Refusal("question to an AI", found.kind)
    return None


def textless(found: Body, message_id: str) -> Refusal:
    """Return why a message without text is not handled."""
    if found.kind == "secretEncryptedMessage":
        is_edit = found.part.secretEncType == SecretEncryptedMessage.MESSAGE_EDIT
        return UNREADABLE_EDIT if is_edit else Refusal("sealed", found.kind)
    if found.kind == "protocolMessage":
        if found.part.type == ProtocolMessage.REVOKE and message_id == found.part.key.ID:
            # The deletion has replaced the deleted message.
            return WITHDRAWN
        rule = _PROTOCOL.get(found.part.type, "protocol")
        return Refusal(rule, f"message {found.part.key.ID}" if found.part.key.ID else "")
    return Refusal(_NAMED.get(found.kind, "not a text"), found.kind or "unknown content")
