"""Butler: code repositories on WhatsApp.

The names below are all that a plugin may import. They are loaded on first use, so that
``import butler.sessions`` or ``butler --help`` does not pay for the rest.
"""

from importlib import import_module

TYPE_CHECKING = False  # not from `typing`, which takes as long to import as the rest of --help
if TYPE_CHECKING:
    from butler.access.rules import Role as Role
    from butler.chat.message import Message as Message
    from butler.chat.message import Person as Person
    from butler.chat.message import Reply as Reply
    from butler.chat_names import ChatNames as ChatNames
    from butler.commands import PASS as PASS
    from butler.commands import Command as Command
    from butler.commands import Pass as Pass
    from butler.context import Context as Context
    from butler.errors import ButlerError as ButlerError
    from butler.errors import ConfigError as ConfigError
    from butler.errors import GitError as GitError
    from butler.errors import PluginError as PluginError
    from butler.errors import UserError as UserError
    from butler.finding import Finding as Finding
    from butler.plugin import Plugin as Plugin
    from butler.plugin import Send as Send
    from butler.plugin import Settings as Settings
    from butler.plugin import command as command
    from butler.plugin import listener as listener
    from butler.repos.git import run_git as run_git
    from butler.repos.registry import Repo as Repo
    from butler.schema import Seconds as Seconds
    from butler.secret import SECRET_SHAPES as SECRET_SHAPES
    from butler.secret import Secret as Secret
    from butler.sessions import Session as Session
    from butler.storage.files import open_database as open_database

_HOMES = {
    "ButlerError": "butler.errors",
    "ChatNames": "butler.chat_names",
    "Command": "butler.commands",
    "ConfigError": "butler.errors",
    "Context": "butler.context",
    "Finding": "butler.finding",
    "GitError": "butler.errors",
    "Message": "butler.chat.message",
    "PASS": "butler.commands",
    "Pass": "butler.commands",
    "Person": "butler.chat.message",
    "Plugin": "butler.plugin",
    "PluginError": "butler.errors",
    "Reply": "butler.chat.message",
    "Repo": "butler.repos.registry",
    "Role": "butler.access.rules",
    "SECRET_SHAPES": "butler.secret",
    "Seconds": "butler.schema",
    "Secret": "butler.secret",
    "Send": "butler.plugin",
    "Session": "butler.sessions",
    "Settings": "butler.plugin",
    "UserError": "butler.errors",
    "command": "butler.plugin",
    "listener": "butler.plugin",
    "open_database": "butler.storage.files",
    "run_git": "butler.repos.git",
}

__all__ = [  # noqa: PLE0604 - the keys are the names, sorted
    *_HOMES
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'butler' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
