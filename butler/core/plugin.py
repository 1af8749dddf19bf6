"""Plugins: their base class and their settings."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Generic, Self

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from butler.chat.message import Attachment, Message, Reply
from butler.core.check_result import Finding
from butler.core.context import Context
from butler.core.meter import Meter
from butler.core.overview import Observable
from butler.errors import UserError
from butler.repos.registry import Repo


class Settings(BaseModel):
    """The options of a plugin from ``[plugins.<name>]``: typed, frozen, unknown keys rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")


SettingsT = TypeVar("SettingsT", bound=Settings, default=Settings)
Send = Callable[[str, Reply], Awaitable[str]]
"""Sends a reply to the chat with this id; returns the id of the message."""


class Plugin(Observable, Generic[SettingsT]):
    """A set of handlers that share state.

    A bot has one instance of each plugin, created with its settings. It is entered
    (``async with``) before the first message and exited after the last turn.

    Attributes:
        settings_type: The model that ``[plugins.<name>]`` is read into.
        repo_settings_type: The model of the plugin's own keys in ``[repos.<name>]``; the values
            are in ``Repo.options`` under the plugin's name.
        settings: The options from the configuration.
        data_folder: Where it may keep files; all of Butler's files are there.
        config_path: The file that the settings come from.
        process_name: This process, as others that share the data folder may name it: "the daemon
            (process 4711)".
        known_repos: All repos at the time of each iteration: more can be found while the bot runs.
        is_restored: The data folder is a copy that was put back: what seems open in it may have
            been done since the copy was made, so nothing of it should be repeated.
        keep_s: How long it may keep what people wrote and got back, in seconds; None for ever.
        machine: The name of this machine where it works for another one, else empty.
        meter: Takes figures for ``[metrics]``; their names begin with that of the plugin.

    All but the first three are set before the plugin is entered, or asked for its findings.
    """

    settings_type: ClassVar[type[Settings]] = Settings
    repo_settings_type: ClassVar[type[Settings]] = Settings
    data_folder: Path
    config_path: Path
    process_name: str = "Butler"
    is_restored: bool = False
    known_repos: Iterable[Repo]
    keep_s: float | None
    machine: str = ""
    meter: Meter = Meter()

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings

    @classmethod
    def choices(cls) -> Sequence[str]:
        """Return what of this machine ``butler init`` may offer as the plugin's main option.

        For ``/run`` those are the agents that are installed; nothing by default. May block.
        """
        return ()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    def findings(self, repos: Sequence[Repo]) -> Iterable[Finding]:
        """Return a line for `butler check` on each thing that the plugin depends on.

        Args:
            repos: All repos, with the plugin's own options in ``Repo.options``.
        """
        return ()

    def greeting(self, repos: Sequence[Repo]) -> str:
        """Return a line for the start of the console, such as what a command still needs.

        Nothing by default. May block.
        """
        return ""

    def trials(self, repos: Sequence[Repo]) -> Iterable[Finding]:
        """Return a line for `butler doctor` on each thing that only shows by trying it; none.

        It may run programs, and take some seconds.

        Args:
            repos: As for ``findings``.
        """
        return ()

    def suggestions(self, command: str, parameter: str, chat_id: str) -> Iterable[str]:
        """Return the words to offer for a parameter of a command; none by default.

        Repos, and the words of a ``Literal``, are offered without it. Must not block.

        Args:
            command: The name of one of the plugin's commands.
            parameter: The name in its handler's signature.
            chat_id: The chat in which somebody types.
        """
        return ()

    def overtakes(self, ctx: Context) -> bool:
        """Return whether plain text is heard now, ahead of the earlier messages of its chat.

        For answers that stop something; the listeners then run beside the chat's turn. By default
        nothing overtakes. Must not block.
        """
        return False

    def takes_text(self, ctx: Context) -> bool:
        """Return whether plain text like this is meant for the plugin in this chat; it is not.

        Where it is, a message that nothing answers gets a hint, also in a group. Must not block.
        """
        return False

    def takes_files(self, ctx: Context) -> bool:
        """Return whether the attachments of a message like this are meant for the plugin here.

        They are not by default. Where they are, they are fetched before the listeners are called.
        Must not block.
        """
        return False

    async def transcribe(self, attachment: Attachment) -> str:
        """Return the words in a voice message, which then count as its text; empty if none.

        A plugin that overrides this is asked once the sender is known to be admitted, with the
        file in ``attachment.path``.

        Raises:
            UserError: It cannot be done; the text says why.
        """
        raise UserError("No plugin transcribes voice messages.")

    @property
    def transcribes(self) -> bool:
        """Whether this plugin overrides ``transcribe``."""
        return type(self).transcribe is not Plugin.transcribe

    @property
    def confirms_speech(self) -> bool:
        """Whether the sender confirms what was heard before it acts; they do by default."""
        return True

    def is_asking(self, ctx: Context) -> bool:
        """Return whether a bare yes or no in this chat answers a question of the plugin.

        It asks nothing by default. Must not block.
        """
        return False

    def text_hint(self, ctx: Context) -> str:
        """Return a sentence on what to write in place of plain text; empty by default."""
        return ""

    def takes_command(self, ctx: Context) -> bool:
        """Return whether a listener takes the command in the message, which Butler has not got.

        See ``Context.foreign_call``; by default it does not. Must not block.
        """
        return False

    def foreign_commands(self) -> Iterable[str]:
        """Return the names of the commands that ``takes_command`` may take; none by default.

        Where this machine works for others, they pass these on.
        """
        return ()

    def command_hint(self, ctx: Context) -> str:
        """Return a sentence on the command in the message, which is unknown; empty by default."""
        return ""

    async def more_help(self, ctx: Context, command: str) -> str:
        """Return what /help adds to the docstring of one of the plugin's commands; nothing."""
        return ""

    def reload(self, settings: SettingsT) -> Iterable[str]:
        """Take new options while running; return the keys whose values wait for a restart.

        They are complete and checked. By default, all that differ wait. Must not block.
        """
        return differing(self.settings, settings)

    def at_work(self) -> int:
        """Return how many runs would be cut off if Butler ended now; by default none."""
        return 0

    async def asked(self, text: str) -> str:
        """Reply to the same plugin of another process on this data folder, see ``ask_process``.

        Raises:
            UserError: It asks what cannot be done; by default everything.
        """
        raise UserError("Another Butler cannot ask this plugin anything.")

    async def ready(self, send: Send, reopen: Callable[[Message], Awaitable[Context]]) -> None:
        """Run as a job once messages can be sent; does nothing by default.

        Args:
            send: Sends to any chat.
            reopen: Returns a context to continue a message from before the start, with the
                permissions that its sender has now.
        """


def differing(old: BaseModel, new: BaseModel) -> list[str]:
    """Return the keys in which two values of a model differ."""
    keys = type(old).model_fields
    return [key for key in keys if getattr(old, key) != getattr(new, key)]
