"""The errors of sessions.

::

    SessionError
    ├── NoActiveRepoError   (also a LookupError) the chat has not selected a repo
    └── StoreError          sessions cannot be read or written
"""


class SessionError(Exception):
    """The base of all errors that `butler.sessions` raises on purpose."""


class NoActiveRepoError(SessionError, LookupError):
    """The chat has no session, or its session has no active repo."""


class StoreError(SessionError):
    """The store of the sessions failed.

    The message is one sentence for the operator and names the file. ``reason`` is its part for a
    chat: a lower-case fragment such as "the disk is full", without any path. ``is_lasting`` means
    that only a person can mend it.
    """

    def __init__(self, message: str, reason: str, *, is_lasting: bool = False) -> None:
        super().__init__(message, reason)
        self.reason = reason
        self.is_lasting = is_lasting

    def __str__(self) -> str:
        return str(self.args[0])
