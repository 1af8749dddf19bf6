"""What can go wrong, by who can mend it.

::

    ButlerError
    ├── UserError             the person in the chat; the text is the reply
    │   ├── UsageError        a command was given the wrong arguments
    │   ├── UnknownRepoError  no repo has that name
    │   ├── UnusableRepoError the repo is known, its folder is not usable
    │   └── GitError          git failed, or did not answer in time
    ├── ConfigError           the operator; every mistake in the configuration at once
    ├── PluginError           the operator; a plugin is missing or wrong
    ├── DataError             the operator; the data folder cannot be used
    └── TransportError        a message could not be sent, or the link is gone

Anything else that is raised is a bug: logged once, answered by an apology.
"""

from collections.abc import Sequence


class ButlerError(Exception):
    """The root of all errors that Butler raises on purpose; its text is a sentence for a person."""


class UserError(ButlerError):
    """Something the person in the chat can mend; the text is sent as the reply."""


class UsageError(UserError):
    """A command was given arguments it cannot take."""


class UnknownRepoError(UserError):
    """No repo has that name; the text lists the nearest ones."""


class UnusableRepoError(UserError):
    """The repo is configured, but its folder cannot be used."""


class GitError(UserError):
    """Git failed or did not answer in time.

    Attributes:
        status: Git's exit status; None if it did not end by itself or could not be started.
        stderr: What git said, at most 4,000 characters.
    """

    def __init__(self, message: str, *, status: int | None = None, stderr: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.stderr = stderr


class ConfigError(ButlerError):
    """The configuration is wrong.

    Attributes:
        mistakes: One sentence each; the text of the error joins them with line breaks.
    """

    def __init__(self, mistakes: str | Sequence[str]) -> None:
        self.mistakes = (mistakes,) if isinstance(mistakes, str) else tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class PluginError(ButlerError):
    """A plugin is missing, cannot be loaded, or breaks a rule; the text names both."""


class DataError(ButlerError):
    """The data folder, or a file in it, cannot be used."""


class TransportError(ButlerError):
    """The chat network did not take a reply, or the link to it cannot be used."""
