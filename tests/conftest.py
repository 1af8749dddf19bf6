"""What all tests share: the public fixtures, and no configuration of this machine's user."""

import pytest
from hypothesis import HealthCheck, settings

from butler.testing import butler_toml, chat
from loop_clock import loop_clock

__all__ = ["butler_toml", "chat"]

# No test looks at a clock, and a busy machine is no reason to fail.
settings.register_profile("butler", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("butler")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """Keep every test, and the processes it starts, away from the user's own files."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for variable in ("BUTLER_CONFIG", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
async def clock():
    """The clock of the loop, which goes on by itself and can be put forward."""
    with loop_clock() as clock:
        yield clock
