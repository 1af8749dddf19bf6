"""What all tests share: the public fixtures, and no configuration of this machine's user."""

import pytest
from hypothesis import HealthCheck, settings

from butler.testing import butler_toml, chat, clock
from whatsapp_server import libmagic  # noqa: F401 - before any test imports neonize

__all__ = ["butler_toml", "chat", "clock"]

# No test looks at a clock, and a busy machine is no reason to fail.
settings.register_profile("butler", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("butler")


def pytest_collection_modifyitems(items):
    """Begin with the files that wait most, so that none of them is left for the end."""
    items.sort(key=lambda item: item.get_closest_marker("wire") is None)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """Keep every test, and the processes it starts, away from the user's own files."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for variable in ("BUTLER_CONFIG", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
