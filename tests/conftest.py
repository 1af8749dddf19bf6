"""What all tests share: the public fixtures, and no configuration of this machine's user."""

import pytest

from butler.testing import butler_toml, chat

__all__ = ["butler_toml", "chat"]


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """Keep every test, and the processes it starts, away from the user's own files."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for variable in ("BUTLER_CONFIG", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
