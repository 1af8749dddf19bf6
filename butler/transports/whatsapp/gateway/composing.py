"""Composes the library's message for a reply: whom it quotes and mentions, and what it brings."""

from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content

from butler.transports.whatsapp.gateway import replies
from butler.transports.whatsapp.gateway.preparation import Preparation
from butler.transports.whatsapp.journal.inbox import Inbox
from butler.transports.whatsapp.protocol.frames import Send


class Composer:
    """Composes messages.

    Args:
        inbox: Knows the authors of quoted messages by their addresses as received.
        preparation: Has the uploaded files.
    """

    def __init__(self, inbox: Inbox, preparation: Preparation) -> None:
        self._inbox = inbox
        self._preparation = preparation

    def content(self, request: Send) -> Content:
        """Return the message for a reply.

        Raises:
            SendError: Its file was rejected.
        """
        context, author = None, None
        if (quoted := request.answers) is not None:
            author = self._inbox.author(quoted.id, quoted.chat_id)
            context = replies.quote(quoted, author)
        if addresses := _mentioned(request, author):
            text, context = replies.mentioning(request.text, context, addresses)
            return replies.text(text, context)
        if request.file_name is not None:
            upload = self._preparation.take_upload(request.key)
            if replies.is_picture(request):
                return replies.picture(upload, request.text, request.media_type, context)
            caption = request.text if request.attachment else ""
            file = request.file_name, request.media_type, caption
            return replies.document(upload, *file, context)
        content = replies.text(request.text, context)
        if request.edits is not None:
            return replies.edit(request.chat_id, request.edits, content)
        return content


def _mentioned(request: Send, author: str | None) -> list[str]:
    """Return the addresses to mention; that of the quoted sender is the one of this chat."""
    if request.file_name is not None:
        return []
    quoted = request.answers and request.answers.sender
    found = (
        author if author and person == quoted else replies.address_of(person)
        for person in request.mentions
    )
    return [address for address in found if address]
