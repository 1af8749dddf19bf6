"""Session: the active repo of a chat."""

from typing import NamedTuple


class Session(NamedTuple):
    """The active repo of one chat, as an immutable value.

    ``active_repo`` is a name and ``active_repo_path`` its working copy; both are None until the
    chat selects a repo. ``last_command_time`` is in Unix seconds.
    """

    chat_id: str
    active_repo: str | None
    active_repo_path: str | None
    last_command_time: float
