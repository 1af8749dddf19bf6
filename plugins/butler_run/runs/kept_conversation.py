"""The conversation that a run continues, and what is kept of it for the next run."""

from butler_run.agents import Reason
from butler_run.agents.errors import ConversationLostError
from butler_run.history.chats import Chats, ConversationKey

UNRESUMABLE = ""
"""Kept in place of an id: the agent cannot resume conversations."""

_KEEPING = frozenset({Reason.DONE, Reason.LIMITED, Reason.TOO_LONG})


class KeptConversation:
    """The conversation of one chat, repo and agent.

    Attributes:
        key: The chat, the repo and the agent.
        is_replaced_again: It was lost as the one before it was, so the chat is told in a word.
    """

    def __init__(self, chats: Chats, key: ConversationKey) -> None:
        self._chats = chats
        self.key = key
        self._is_resumable = True
        self._is_resumed = False
        self.is_replaced_again = False

    def read(self) -> str | None:
        """Return the id of the conversation to continue; None begins one."""
        kept_id = self._chats.conversation(*self.key)
        self._is_resumable = kept_id != UNRESUMABLE
        self._is_resumed = bool(kept_id)
        return kept_id or None

    def lose(self, error: ConversationLostError) -> str:
        """Forget the conversation; return what the chat is told, nothing if it knows."""
        self._is_resumed = False
        self.is_replaced_again = self._chats.lose_conversation(self.key)
        if not error.can_resume_others:
            self._is_resumable = False
            self._chats.keep_conversation(*self.key, UNRESUMABLE)
        return "" if self.is_replaced_again else f"{error} Starting a new conversation."

    def keep(self, reason: Reason | None, conversation_id: str | None) -> None:
        """Let the next run continue this conversation, if it ended so that it can."""
        if reason not in _KEEPING:
            return
        if self._is_resumed:
            self._chats.note_resumed(self.key)
        if self._is_resumable and conversation_id:
            self._chats.keep_conversation(*self.key, conversation_id)
