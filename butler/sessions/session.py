"""Session: what a chat is working on."""

from typing import NamedTuple


class Session(NamedTuple):
    """What one chat is working on; immutable, so it never changes under whoever holds it.

    ``active_repo`` is a name and ``active_repo_path`` its working copy; both are None as long as
    the chat has selected nothing. ``last_command_time`` is in Unix seconds.
    """

    chat_id: str
    active_repo: str | None
    active_repo_path: str | None
    last_command_time: float
