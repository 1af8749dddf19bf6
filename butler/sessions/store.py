"""SessionStore: the interface of a store of sessions. MemoryStore: sessions in memory."""

from collections.abc import Iterator
from heapq import nsmallest
from math import inf
from typing import ClassVar, Protocol

from butler.sessions.session import Session


class SessionStore(Protocol):
    """Stores at most one session per chat, and does no locking of its own.

    Its caller ensures that in this process ``put``, ``touch`` and ``delete`` on a chat run alone.
    Calls on different chats, and those about all chats, come from any thread at any time.
    If other processes share the store, each call is atomic for them, too.

    ``after`` and ``until`` are Unix seconds and select by ``last_command_time``: later than
    ``after``, and no later than ``until``.

    Every method raises StoreError if sessions cannot be read or written.
    """

    is_remote: ClassVar[bool]
    """Whether calls go across a network, and must therefore stay off the event loop."""

    def get(self, chat_id: str) -> Session | None:
        """Return the session of the chat, if any."""
        ...

    def put(self, session: Session) -> Session | None:
        """Store ``session`` and return the one it replaces; it is committed when this returns."""
        ...

    def touch(self, chat_id: str, time: float, *, after: float = -inf) -> bool:
        """Set the time of the chat's session, and return whether one matched."""
        ...

    def delete(self, chat_id: str, *, until: float = inf) -> Session | None:
        """Delete the session of the chat and return it."""
        ...

    def all(self, *, after: float = -inf) -> list[Session]:
        """Return the sessions in no particular order."""
        ...

    def recent(self, limit: int, offset: int = 0, *, after: float = -inf) -> list[Session]:
        """Return ``limit`` sessions, most recent first, starting at ``offset``.

        Sessions of the same time are ordered by their chat ids.
        """
        ...

    def count(self, *, after: float = -inf) -> int:
        """Return the number of sessions."""
        ...

    def idle(self, until: float) -> Iterator[str]:
        """Yield the ids of the chats idle since ``until``; they may be deleted meanwhile."""
        ...

    def close(self) -> None:
        """Close files and connections; safe to call again."""
        ...


class MemoryStore:
    """Sessions in a dict of this process."""

    is_remote: ClassVar[bool] = False

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def get(self, chat_id: str) -> Session | None:
        return self._sessions.get(chat_id)

    def put(self, session: Session) -> Session | None:
        replaced = self._sessions.get(session.chat_id)
        self._sessions[session.chat_id] = session
        return replaced

    def touch(self, chat_id: str, time: float, *, after: float = -inf) -> bool:
        session = self._sessions.get(chat_id)
        if session is None or session.last_command_time <= after:
            return False
        self.put(Session(chat_id, session.active_repo, session.active_repo_path, time))
        return True

    def delete(self, chat_id: str, *, until: float = inf) -> Session | None:
        session = self._sessions.get(chat_id)
        if session is None or session.last_command_time > until:
            return None
        return self._sessions.pop(chat_id)

    def all(self, *, after: float = -inf) -> list[Session]:
        # list() copies in one step of the interpreter, so no other thread can interfere.
        sessions = list(self._sessions.values())
        return [session for session in sessions if session.last_command_time > after]

    def recent(self, limit: int, offset: int = 0, *, after: float = -inf) -> list[Session]:
        return nsmallest(offset + limit, self.all(after=after), key=_by_recency)[offset:]

    def count(self, *, after: float = -inf) -> int:
        return len(self.all(after=after))

    def idle(self, until: float) -> Iterator[str]:
        for session in self.all():
            if session.last_command_time <= until:
                yield session.chat_id

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _by_recency(session: Session) -> tuple[float, str]:
    return -session.last_command_time, session.chat_id
