"""The test kit for plugins: chat with a bot like a user, without a phone.

In the ``conftest.py`` of your tests::

    from butler.testing import butler_toml, chat

    __all__ = ["butler_toml", "chat"]

and a test reads like a chat::

    async def test_use_selects_a_repo(chat):
        assert await chat("/use api") == ["This chat now works on *api*, on branch main."]

The bot is a real one in all but its transport. The fixture ``butler_toml`` is its configuration:
override it to enable your plugin or to name other repos.

The names are loaded on first use, for the scripted agents in ``butler.testing.agents`` need none.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from butler.testing.clock import Clock as Clock
    from butler.testing.clock import clock as clock
    from butler.testing.fixtures import Chat as Chat
    from butler.testing.fixtures import butler_toml as butler_toml
    from butler.testing.fixtures import chat as chat
    from butler.testing.fixtures import open_chat as open_chat
    from butler.testing.messages import OWNER as OWNER
    from butler.testing.messages import make_message as make_message
    from butler.testing.repos import make_working_copy as make_working_copy
    from butler.testing.transport import ANSWER_LIMIT_S as ANSWER_LIMIT_S
    from butler.testing.transport import FakeTransport as FakeTransport
    from butler.testing.transport import Sent as Sent

_HOMES = {
    "ANSWER_LIMIT_S": "butler.testing.transport",
    "Chat": "butler.testing.fixtures",
    "Clock": "butler.testing.clock",
    "FakeTransport": "butler.testing.transport",
    "OWNER": "butler.testing.messages",
    "Sent": "butler.testing.transport",
    "butler_toml": "butler.testing.fixtures",
    "chat": "butler.testing.fixtures",
    "clock": "butler.testing.clock",
    "make_message": "butler.testing.messages",
    "make_working_copy": "butler.testing.repos",
    "open_chat": "butler.testing.fixtures",
}

__all__ = [  # noqa: PLE0604 - the keys are the names, sorted
    *_HOMES
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'butler.testing' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
