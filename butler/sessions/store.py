"""SessionStore: where sessions are kept. MemoryStore: kept until the process ends."""

from collections.abc import Iterator
from heapq import nsmallest
from math import inf
from typing import ClassVar, Protocol

from butler.sessions.session import Session


class SessionStore(Protocol):
    """Keeps at most one session per chat, and does no locking of its own.

    Its caller sees to it that in this process ``put``, ``touch`` and ``delete`` on a chat run
    alone. Calls on different chats, and those about all chats, come from any thread at any time.
    If other processes share what is kept, then each call is one step for them, too.

    ``after`` and ``until`` are Unix seconds and select by ``last_command_time``: later than
    ``after``, and no later than ``until``.

    Every method raises StoreError if sessions cannot be read or written.
    """

    is_remote: ClassVar[bool]
    """Whether calls go across a network, and so are never waited for on an event loop."""

    def get(self, chat_id: str) -> Session | None:
        """Return the session of the chat, if there is one."""
        ...

    def put(self, session: Session) -> Session | None:
        """Keep ``session`` and return the one it replaces. Once this returns, it is kept."""
        ...

    def touch(self, chat_id: str, time: float, *, after: float = -inf) -> bool:
        """Set the time of the chat's session, and return whether there was one to set it on."""
        ...

    def delete(self, chat_id: str, *, until: float = inf) -> Session | None:
        """Forget the session of the chat and return it."""
        ...

    def all(self, *, after: float = -inf) -> list[Session]:
        """Return the sessions in no particular order."""
        ...

    def recent(self, limit: int, offset: int = 0, *, after: float = -inf) -> list[Session]:
        """Return ``limit`` sessions, most recent first, from the one at ``offset`` on.

        Sessions of the same time are in the order of their chat ids.
        """
        ...

    def count(self, *, after: float = -inf) -> int:
        """Return how many sessions there are."""
        ...

    def idle(self, until: float) -> Iterator[str]:
        """Yield the ids of the chats not used since. They may be deleted while this yields."""
        ...

    def close(self) -> None:
        """Give back files and connections. Closing again does nothing."""
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
        # list() copies in one step of the interpreter, so no other thread can come in between.
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
        """Do nothing: there is nothing to give back."""


def _by_recency(session: Session) -> tuple[float, str]:
    return -session.last_command_time, session.chat_id
