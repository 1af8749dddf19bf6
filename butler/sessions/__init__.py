"""Sessions: the active repo of each chat. A library that needs no other part of Butler."""

from butler.sessions.errors import NoActiveRepoError, SessionError, StoreError
from butler.sessions.manager import SessionManager
from butler.sessions.session import Session
from butler.sessions.sqlite import SqliteStore
from butler.sessions.store import MemoryStore, SessionStore

__all__ = [
    "MemoryStore",
    "NoActiveRepoError",
    "Session",
    "SessionError",
    "SessionManager",
    "SessionStore",
    "SqliteStore",
    "StoreError",
]
