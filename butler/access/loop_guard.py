"""The loop guard: stops endless loops with other bots that echo commands."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from butler.chat.message import Message

ECHO_S = 10.0
"""A command repeated within this time, in a reply to a message, counts as an echo."""

MUTED_S = 60.0
MAX_CHATS = 10_000


class Hearing(Enum):
    """Whether a chat is listened to."""

    LISTENING = "listening"
    MUTED_NOW = "muted by this message"
    MUTED = "muted before"


# Looked up through its class, a member takes longer than the rest of a decision (CPython 3.11).
LISTENING = Hearing.LISTENING


@dataclass(slots=True)
class _Chat:
    text: str = ""
    heard_at: float = float("-inf")
    echoed_at: float = float("-inf")
    muted_until: float = float("-inf")


class LoopGuard:
    """Mutes a chat for a minute when commands are echoed in it.

    The first echo still gets a reply, as it may be a person repeating someone. The second one
    within a minute mutes the chat.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._chats: dict[str, _Chat] = {}

    def hear(self, message: Message) -> Hearing:
        """Register a command; return whether it may be answered."""
        now = self._clock()
        chat = self._chats.get(message.chat_id) or self._add(message.chat_id)
        if now < chat.muted_until:
            return Hearing.MUTED
        is_echo = (
            message.quoted_id is not None
            and message.text == chat.text
            and now - chat.heard_at < ECHO_S
        )
        chat.text, chat.heard_at = message.text, now
        if not is_echo:
            return LISTENING
        last_echo, chat.echoed_at = chat.echoed_at, now
        if now - last_echo >= MUTED_S:
            return LISTENING
        chat.muted_until = now + MUTED_S
        return Hearing.MUTED_NOW

    def note(self, message: Message) -> None:
        """Record a command that is answered in any case, so that its echoes are recognised."""
        chat = self._chats.get(message.chat_id) or self._add(message.chat_id)
        chat.text, chat.heard_at = message.text, self._clock()

    def _add(self, chat_id: str) -> _Chat:
        if len(self._chats) >= MAX_CHATS:
            del self._chats[next(iter(self._chats))]
        chat = self._chats[chat_id] = _Chat()
        return chat
