"""Edits and deletions: applied in the journal to the messages that they are about.

A message is looked up by chat, sender and id, so that nobody changes what somebody else has said.
"""

from collections.abc import Sequence

from neonize.proto.Neonize_pb2 import Message as MessageEvent

from butler.chat.message import Person
from butler.transports.whatsapp.gateway.contents import Change, change
from butler.transports.whatsapp.gateway.message_secrets import opened
from butler.transports.whatsapp.journal.inbox import Entry, Inbox, Key, State


class Changes:
    """What senders do to their earlier messages.

    Args:
        inbox: Where both are.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def absorb(
        self, entry: Entry, event: MessageEvent, changes: Sequence[Entry], sender: Person
    ) -> None:
        """Apply changes that came before their message was delivered."""
        for each in changes:
            changed = change(MessageEvent.FromString(each.event).Message)
            if changed is not None:
                opened(changed, event.Message, sender).apply(event.Message)
        self._inbox.replace(entry.row, event.SerializeToString())
        self._inbox.finish(each.row for each in changes)

    def target(self, entry: Entry, changed: Change) -> Entry | None:
        """Return the message that ``entry`` changes, if it can still be changed."""
        return self._inbox.kept(_target_key(entry, changed))

    def opened(self, changed: Change, target: Entry, sender: Person) -> Change:
        """Return ``changed`` in the clear if the secret of ``target`` opens it."""
        if not changed.is_sealed:
            return changed
        return opened(changed, MessageEvent.FromString(target.event).Message, sender)

    def is_known(self, entry: Entry, changed: Change) -> bool:
        """Return whether the message that ``entry`` changes was ever received."""
        return self._inbox.has(_target_key(entry, changed))

    def take_effect(
        self, entry: Entry, target: Entry, changed: Change, sent_at_ms: int
    ) -> MessageEvent:
        """Change ``target`` in the journal, where ``entry`` is over then; return its new event.

        One that was over without effect waits once more.
        """
        event = MessageEvent.FromString(target.event)
        changed.apply(event.Message)
        if target.state is State.WITHOUT_EFFECT:
            event.Info.Timestamp = sent_at_ms
            self._inbox.reopen(target.row, event.SerializeToString())
        else:
            self._inbox.replace(target.row, event.SerializeToString())
        self._inbox.finish([entry.row])
        return event


def _target_key(entry: Entry, changed: Change) -> Key:
    return entry.key._replace(message_id=changed.target)
