"""Events as the library gives them out, as real protobuf."""

from neonize.proto.Neonize_pb2 import JID
from neonize.proto.Neonize_pb2 import Message as MessageEvent
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content


def jid(address, device=0):
    user, _, server = address.partition("@")
    return JID(User=user, Server=server, RawAgent=0, Device=device, Integrator=0, IsEmpty=False)


def filled(message):
    """Set every required field that is not set, as the library does."""
    for field in message.DESCRIPTOR.fields:
        if field.is_required and field.message_type:
            getattr(message, field.name).SetInParent()
        elif field.is_required and not message.HasField(field.name):
            value = field.enum_type.values[0].number if field.enum_type else field.default_value
            setattr(message, field.name, value)
    for field, value in message.ListFields():
        if field.message_type and not field.is_repeated:
            filled(value)
    return message


def event(
    content="hello",
    *,
    message_id="A1",
    sender="800@lid",
    alt=None,
    chat=None,
    recipient_alt=None,
    is_own=False,
    device=0,
    time_ms=1_700_000_000_000,
    name="Alice",
):
    """Return a message; ``content`` is a text or a Content, ``chat`` the sender by default."""
    made = MessageEvent()
    info = made.Info
    info.ID, info.Timestamp, info.Pushname = message_id, time_ms, name
    source = info.MessageSource
    source.Sender.CopyFrom(jid(sender, device))
    source.Chat.CopyFrom(jid(chat or sender))
    source.IsFromMe = is_own
    source.IsGroup = (chat or sender).endswith("g.us")
    if alt:
        source.SenderAlt.CopyFrom(jid(alt))
    if recipient_alt:
        source.RecipientAlt.CopyFrom(jid(recipient_alt))
    made.Message.CopyFrom(Content(conversation=content) if isinstance(content, str) else content)
    return filled(made)
