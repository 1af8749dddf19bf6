"""Butler: code repositories on WhatsApp.

Plugins may import only the names below. They are loaded on first use, so that
``import butler.sessions`` and ``butler --help`` do not pay for the rest.
"""

from importlib import import_module

TYPE_CHECKING = False  # not from `typing`, which takes as long to import as the rest of --help
if TYPE_CHECKING:
    from butler.access.rules import Role as Role
    from butler.access.seal import Seal as Seal
    from butler.chat.answer import Said as Said
    from butler.chat.answer import said as said
    from butler.chat.content_type import content_type as content_type
    from butler.chat.message import Attachment as Attachment
    from butler.chat.message import Message as Message
    from butler.chat.message import Person as Person
    from butler.chat.message import Reply as Reply
    from butler.chat.text import ago as ago
    from butler.chat.text import duration as duration
    from butler.chat.text import fenced as fenced
    from butler.chat.text import folded as folded
    from butler.chat.text import listed as listed
    from butler.config.secrets import SECRET_SHAPES as SECRET_SHAPES
    from butler.config.secrets import Secret as Secret
    from butler.config.values import Seconds as Seconds
    from butler.core.chat_names import ChatNames as ChatNames
    from butler.core.check_result import Finding as Finding
    from butler.core.commands import PASS as PASS
    from butler.core.commands import Command as Command
    from butler.core.commands import Pass as Pass
    from butler.core.context import Context as Context
    from butler.core.fleet import Machine as Machine
    from butler.core.handlers import command as command
    from butler.core.handlers import listener as listener
    from butler.core.meter import LONG_S as LONG_S
    from butler.core.meter import Meter as Meter
    from butler.core.overview import LiveRun as LiveRun
    from butler.core.overview import OpenInquiry as OpenInquiry
    from butler.core.overview import Overview as Overview
    from butler.core.overview import RunReport as RunReport
    from butler.core.overview import RunSummary as RunSummary
    from butler.core.overview import Way as Way
    from butler.core.place import At as At
    from butler.core.plugin import Plugin as Plugin
    from butler.core.plugin import Send as Send
    from butler.core.plugin import Settings as Settings
    from butler.core.router import ForeignCall as ForeignCall
    from butler.errors import ButlerError as ButlerError
    from butler.errors import ConfigError as ConfigError
    from butler.errors import DataError as DataError
    from butler.errors import GitError as GitError
    from butler.errors import PluginError as PluginError
    from butler.errors import UserError as UserError
    from butler.ops.control import ask_process as ask_process
    from butler.repos.git import run_git as run_git
    from butler.repos.registry import Repo as Repo
    from butler.sessions import Session as Session
    from butler.storage.file_lock import FileLock as FileLock
    from butler.storage.files import open_database as open_database
    from butler.storage.pruning import Pruning as Pruning

_HOMES = {
    "At": "butler.core.place",
    "Attachment": "butler.chat.message",
    "ButlerError": "butler.errors",
    "ChatNames": "butler.core.chat_names",
    "Command": "butler.core.commands",
    "ConfigError": "butler.errors",
    "Context": "butler.core.context",
    "DataError": "butler.errors",
    "FileLock": "butler.storage.file_lock",
    "Finding": "butler.core.check_result",
    "ForeignCall": "butler.core.router",
    "GitError": "butler.errors",
    "LiveRun": "butler.core.overview",
    "LONG_S": "butler.core.meter",
    "Machine": "butler.core.fleet",
    "Message": "butler.chat.message",
    "Meter": "butler.core.meter",
    "OpenInquiry": "butler.core.overview",
    "Overview": "butler.core.overview",
    "PASS": "butler.core.commands",
    "Pass": "butler.core.commands",
    "Person": "butler.chat.message",
    "Plugin": "butler.core.plugin",
    "PluginError": "butler.errors",
    "Pruning": "butler.storage.pruning",
    "Reply": "butler.chat.message",
    "Repo": "butler.repos.registry",
    "Role": "butler.access.rules",
    "Said": "butler.chat.answer",
    "RunReport": "butler.core.overview",
    "RunSummary": "butler.core.overview",
    "SECRET_SHAPES": "butler.config.secrets",
    "Seal": "butler.access.seal",
    "Seconds": "butler.config.values",
    "Secret": "butler.config.secrets",
    "Send": "butler.core.plugin",
    "Session": "butler.sessions",
    "Settings": "butler.core.plugin",
    "UserError": "butler.errors",
    "Way": "butler.core.overview",
    "ask_process": "butler.ops.control",
    "ago": "butler.chat.text",
    "command": "butler.core.handlers",
    "content_type": "butler.chat.content_type",
    "duration": "butler.chat.text",
    "fenced": "butler.chat.text",
    "folded": "butler.chat.text",
    "listed": "butler.chat.text",
    "listener": "butler.core.handlers",
    "open_database": "butler.storage.files",
    "said": "butler.chat.answer",
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
