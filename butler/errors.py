"""Errors, grouped by who can fix them.

::

    ButlerError
    ├── UserError             the person in the chat; the text is the reply
    │   ├── UsageError        a command was given the wrong arguments
    │   ├── UnknownRepoError  no repo has that name
    │   ├── UnusableRepoError the repo is known, its folder is not usable
    │   └── GitError          git failed, or did not answer in time
    ├── ConfigError           the operator; all errors in the configuration at once
    ├── PluginError           the operator; a plugin is missing or wrong
    ├── DataError             the operator; the data folder cannot be used
    ├── TransportError        a message could not be sent, or the link is lost
    └── LastingError          whatever it is, no restart mends it: the operator must act

Any other exception is a bug: it is logged once and answered with an apology.
"""

from collections.abc import Sequence


class ButlerError(Exception):
    """Base class of all errors that Butler raises on purpose; the text is a full sentence."""


class UserError(ButlerError):
    """An error that the person in the chat can fix; the text is sent as the reply."""


class UsageError(UserError):
    """The arguments of a command are invalid."""


class UnknownRepoError(UserError):
    """No repo has that name; the text lists similar ones."""


class UnusableRepoError(UserError):
    """The repo is configured, but its folder cannot be used."""


class GitError(UserError):
    """Git failed or timed out.

    Attributes:
        status: Git's exit status; None if it was killed or could not be started.
        stderr: Git's error output, at most 4,000 characters.
    """

    def __init__(self, message: str, *, status: int | None = None, stderr: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.stderr = stderr


class ConfigError(ButlerError):
    """The configuration is wrong.

    Attributes:
        mistakes: The errors, one sentence each; the text joins them with line breaks.
    """

    def __init__(self, mistakes: str | Sequence[str]) -> None:
        self.mistakes = (mistakes,) if isinstance(mistakes, str) else tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class PluginError(ButlerError):
    """A plugin is missing, cannot be loaded, or breaks a rule; the text names plugin and rule."""


class DataError(ButlerError):
    """The data folder, or a file in it, cannot be used.

    Attributes:
        reason: What is wrong as a lower-case fragment without any path, fit for a chat; empty if
            there is none.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class TransportError(ButlerError):
    """The chat network rejected a reply, or the link to it cannot be used.

    Attributes:
        kind: The cause in a word, out of few: "refused", "given up", "link" or "unknown".
    """

    def __init__(self, message: str, kind: str = "unknown") -> None:
        super().__init__(message)
        self.kind = kind


class LastingError(ButlerError):
    """No restart mends this; the text says what a person has to do."""


class LastingDataError(DataError, LastingError):
    """The data folder, or a file in it, cannot be used until a person acts."""


class LinkEndedError(TransportError, LastingError):
    """The link to the chat network ended, or was never made."""
