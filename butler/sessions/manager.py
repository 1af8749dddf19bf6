"""SessionManager: thread-safe access to sessions."""

import time
from collections.abc import Callable
from math import inf
from types import TracebackType
from typing import Self

from butler.sessions.errors import NoActiveRepoError
from butler.sessions.locks import ChatLocks
from butler.sessions.session import Session
from butler.sessions.store import MemoryStore, SessionStore


class SessionManager:
    """The sessions of all chats, for use from any number of threads.

    Every operation on a chat holds that chat's lock: chats never wait for each other, reads run
    concurrently, and a write excludes everything else on its chat. Methods for all chats return a
    snapshot and take no lock. Every method may raise StoreError, unless the store is in memory.

    A session that is idle for ``expire_after_s`` seconds counts as absent; ``purge_expired`` only
    frees its space. ``clock`` returns Unix seconds. If it is set back, sessions with a time in the
    future count as fresh, and the next command gives them the new time.
    """

    def __init__(
        self,
        store: SessionStore | None = None,
        *,
        expire_after_s: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if expire_after_s is not None and not expire_after_s > 0:
            raise ValueError(f"expire_after_s must be more than 0, not {expire_after_s}.")
        self._store: SessionStore = MemoryStore() if store is None else store
        self._expire_after_s = inf if expire_after_s is None else expire_after_s
        self._clock = clock
        self._locks = ChatLocks()
        self.is_remote = self._store.is_remote
        """Whether a call may wait for a network, and must therefore stay off the event loop."""

    def set_active_repo(self, chat_id: str, name: str, path: str) -> Session | None:
        """Select a repo for the chat and return the session that this replaced, if any."""
        locks = self._locks
        locks.enter_writing(chat_id)
        try:
            now = self._clock()
            replaced = self._store.put(Session(chat_id, name, path, now))
        finally:
            locks.leave(chat_id)
        if replaced is None or replaced.last_command_time <= now - self._expire_after_s:
            return None
        return replaced

    def get_active_repo(self, chat_id: str) -> tuple[str, str]:
        """Return the name and the path of the chat's active repo.

        Raises:
            NoActiveRepoError: The chat has no session, or one without an active repo.
        """
        session = self.get_session(chat_id)
        if session is None:
            raise NoActiveRepoError(f"Chat {chat_id} has no session; select a repo to start one.")
        if session.active_repo is None or session.active_repo_path is None:
            raise NoActiveRepoError(
                f"The session of chat {chat_id} has no active repo; select one."
            )
        return session.active_repo, session.active_repo_path

    def get_session(self, chat_id: str) -> Session | None:
        """Return the session of the chat, if any."""
        self._locks.enter_reading(chat_id)
        try:
            session = self._store.get(chat_id)
        finally:
            self._locks.leave(chat_id)
        if session is None or session.last_command_time <= self._clock() - self._expire_after_s:
            return None
        return session

    def touch(self, chat_id: str) -> bool:
        """Set the time of the chat's session to now; return whether it has a session."""
        self._locks.enter_writing(chat_id)
        try:
            now = self._clock()
            return self._store.touch(chat_id, now, after=now - self._expire_after_s)
        finally:
            self._locks.leave(chat_id)

    def clear_session(self, chat_id: str) -> bool:
        """Delete the session of the chat; return whether it had one."""
        self._locks.enter_writing(chat_id)
        try:
            cleared = self._store.delete(chat_id)
        finally:
            self._locks.leave(chat_id)
        return cleared is not None and cleared.last_command_time > self._expired_until()

    def list_sessions(self) -> list[Session]:
        """Return the sessions of all chats, in no particular order."""
        return self._store.all(after=self._expired_until())

    def recent_sessions(self, limit: int, offset: int = 0) -> list[Session]:
        """Return ``limit`` sessions, most recent first, after skipping the first ``offset``."""
        if limit < 0 or offset < 0:
            raise ValueError(f"limit and offset must be 0 or more, not {limit} and {offset}.")
        return self._store.recent(limit, offset, after=self._expired_until())

    def count_sessions(self) -> int:
        """Return the number of chats that have a session."""
        return self._store.count(after=self._expired_until())

    def purge_expired(self) -> int:
        """Delete the expired sessions, one by one; return their number."""
        until = self._expired_until()
        if until == -inf:
            return 0
        return sum(self._purge(chat_id, until) for chat_id in self._store.idle(until))

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _purge(self, chat_id: str, until: float) -> bool:
        self._locks.enter_writing(chat_id)
        try:
            return self._store.delete(chat_id, until=until) is not None
        finally:
            self._locks.leave(chat_id)

    def _expired_until(self) -> float:
        return self._clock() - self._expire_after_s
