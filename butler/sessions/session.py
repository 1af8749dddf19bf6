"""Session: what a chat is working on."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, init=False)
class Session:
    """What one chat is working on; immutable, so it never changes under whoever holds it.

    ``active_repo`` is a name and ``active_repo_path`` its working copy; both are None as long as
    the chat has selected nothing. ``last_command_time`` is in Unix seconds.
    """

    chat_id: str
    active_repo: str | None
    active_repo_path: str | None
    last_command_time: float

    def __init__(
        self,
        chat_id: str,
        active_repo: str | None,
        active_repo_path: str | None,
        last_command_time: float,
    ) -> None:
        _set_chat_id(self, chat_id)
        _set_active_repo(self, active_repo)
        _set_active_repo_path(self, active_repo_path)
        _set_last_command_time(self, last_command_time)


# The __init__ that dataclasses write for a frozen class looks each slot up by name through
# object.__setattr__; setting the slots directly takes a little more than half the time.
_set_chat_id, _set_active_repo, _set_active_repo_path, _set_last_command_time = (
    Session.__dict__[field.name].__set__ for field in fields(Session)
)
