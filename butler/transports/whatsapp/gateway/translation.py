"""Translates the library's events to messages."""

import re
from dataclasses import replace
from typing import Any

from neonize.proto.Neonize_pb2 import JID
from neonize.proto.Neonize_pb2 import Message as MessageEvent

from butler.access.rules import Refusal
from butler.chat.mentions import OwnMentions
from butler.chat.message import Message, Person
from butler.transports.whatsapp.account import Account
from butler.transports.whatsapp.gateway.contents import body
from butler.transports.whatsapp.gateway.jids import address
from butler.transports.whatsapp.gateway.media import attachments_of
from butler.transports.whatsapp.gateway.refusals import not_own_words, textless, unanswered
from butler.transports.whatsapp.journal.addresses import Addresses
from butler.transports.whatsapp.journal.inbox import Key
from butler.transports.whatsapp.journal.outbox import Outbox
from butler.transports.whatsapp.protocol.frames import MAX_TEXT_CHARS

_PHONES, _LIDS = "s.whatsapp.net", "lid"
_DEVICE = re.compile(r"[.:][0-9.:]+(?=@)")


def key(info: Any) -> Key:
    """Return the key that identifies a message; addressed by LID wherever one is given."""
    source = info.MessageSource
    other_end = source.RecipientAlt if source.IsFromMe else source.SenderAlt
    return Key(
        info.ID,
        _stable(source.Chat, other_end),
        _stable(source.Sender, source.SenderAlt),
    )


def _stable(jid: JID, other: JID) -> str:
    is_other_better = jid.Server == _PHONES and other.Server == _LIDS
    return address(other if is_other_better else jid)


class Translator:
    """Translates events to messages.

    Args:
        account: The linked account.
        people: The known addresses of people.
        outbox: The replies that Butler has sent.
    """

    def __init__(self, account: Account, people: Addresses, outbox: Outbox) -> None:
        self._account = account
        self._people = people
        self._outbox = outbox
        self._own_names = {account.phone.removeprefix("+")}
        if account.lid:
            self._own_names.add(account.lid.partition("@")[0])
        self._own_mentions = OwnMentions(self._own_names)

    def message(self, event: MessageEvent) -> Message:
        """Translate ``event``; the text is empty if it has none."""
        info, found = event.Info, body(event.Message)
        message = Message(
            id=info.ID,
            chat_id=self._chat_id(info.MessageSource),
            sender=self.sender(info.MessageSource),
            text=found.text,
            time=info.Timestamp / 1000,
            name=info.Pushname,
            is_own=info.MessageSource.IsFromMe,
            is_forwarded=found.is_forwarded,
            media=found.media,
            attachments=attachments_of(found),
        )
        if found.kind == "reactionMessage":
            return self._reaction(message, found.part)
        return self._own_mentions.removed(self._in_context(message, found.context))

    def refusal(self, event: MessageEvent, message: Message) -> Refusal | None:
        """Return why ``message``, translated from ``event``, is not handled; None if it is."""
        source, found = event.Info.MessageSource, body(event.Message)
        if (refusal := unanswered(event.Info) or not_own_words(event.Message, found)) is not None:
            return refusal
        if self._is_echo(event, message):
            return Refusal("own reply", "sent by this device")
        if message.sender.phone is None and message.sender.lid is None:
            return Refusal("unknown sender", f"{address(source.Sender)} is not a person's address")
        if len(message.text) > MAX_TEXT_CHARS:
            return Refusal("too long", f"{len(message.text)} characters")
        if message.text.strip() or message.media or message.is_forwarded:
            return None
        return textless(found, message.id)

    def sender(self, source: Any) -> Person:
        """Return who wrote a message, by all known addresses."""
        if source.IsFromMe:
            return self._account.person
        return self._person(source.Sender, source.SenderAlt)

    def _in_context(self, message: Message, context: Any) -> Message:
        if context is None:
            return message
        people = [person for each in context.mentionedJID if (person := self._named(each))]
        quoted_sender = self._named(context.participant)
        return replace(
            message,
            quoted_id=self._quoted_id(context.stanzaID, quoted_sender),
            quoted_sender=quoted_sender,
            is_to_bot=self._account.person in people,
            mentions=tuple(people),
        )

    def _reaction(self, message: Message, reaction: Any) -> Message:
        target = self._named(reaction.key.participant)
        if target is None and not message.is_group:
            target = message.sender if reaction.key.fromMe else self._account.person
        return replace(
            message,
            text=reaction.text,
            quoted_id=self._quoted_id(reaction.key.ID, target),
            quoted_sender=target,
            is_reaction=True,
        )

    def _quoted_id(self, message_id: str, sender: Person | None) -> str | None:
        """Return the id of the quoted message; one of Butler's replies must be Butler's own.

        Senders choose ids. Someone could reuse the id of Butler's question, so that an answer to
        their message passes for an answer to that question.
        """
        if not message_id or sender is None or not self._is_somebody_else(sender):
            return message_id or None
        return f"{message_id} of {sender}" if self._outbox.has(message_id) else message_id

    def _is_somebody_else(self, person: Person) -> bool:
        own = self._account.person
        pairs = ((person.phone, own.phone), (person.lid, own.lid))
        return person != own and any(one and other for one, other in pairs)

    def _named(self, jid: str) -> Person | None:
        try:
            return self._people.complete(Person.parse(_DEVICE.sub("", jid)))
        except ValueError:
            return None

    def _chat_id(self, source: Any) -> str:
        if source.Chat.Server not in (_PHONES, _LIDS):
            return address(source.Chat)
        if source.Chat.User in self._own_names:
            person = self._account.person
        else:
            other = source.RecipientAlt if source.IsFromMe else source.SenderAlt
            person = self._person(source.Chat, other)
        return person.lid or address(source.Chat)

    def _person(self, *jids: JID) -> Person:
        phone = next((f"+{jid.User}" for jid in jids if jid.Server == _PHONES and jid.User), None)
        lid = next((address(jid) for jid in jids if jid.Server == _LIDS and jid.User), None)
        return self._people.complete(Person(phone=phone, lid=lid))

    def _is_echo(self, event: MessageEvent, message: Message) -> bool:
        if not message.is_own:
            return False
        is_this_device = event.Info.MessageSource.Sender.Device == self._account.device
        return is_this_device or self._outbox.has(message.id)
