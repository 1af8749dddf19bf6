"""The errors of agents, as sentences for the chat.

::

    UserError
    └── AgentError                   the agent cannot be started, or failed
        ├── ConversationLostError    the conversation cannot be resumed; a fresh one can be started
        ├── NotReadyError            not logged in, no credit, overloaded
        └── LimitReachedError        the run was ended because it reached a limit
"""

from butler import UserError


class AgentError(UserError):
    """The agent cannot work; the text says why, with the way out if there is one."""


class NotReadyError(AgentError):
    """The agent said that it cannot work now; the text says it in the user's words."""


class ConversationLostError(AgentError):
    """The agent cannot resume the conversation; starting without its id works.

    Attributes:
        can_resume_others: Whether it could resume another conversation.
    """

    def __init__(self, message: str, *, can_resume_others: bool = True) -> None:
        super().__init__(message)
        self.can_resume_others = can_resume_others


class LimitReachedError(AgentError):
    """The run reached a limit and was ended; the text says which."""
