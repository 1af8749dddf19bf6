"""The real agents, if the environment says where they are: see ``test_live_agents``."""

import importlib.util
import os
from pathlib import Path

import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "live_agents: runs the real agents, `make test-agents`")


@pytest.fixture
def model():
    place = Path(__file__).with_name("model.py")
    spec = importlib.util.spec_from_file_location("live_model", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def address(model):
    with model.served() as address:
        yield address


@pytest.fixture
def environment(address, tmp_path):
    """Return the environment of an agent that knows nobody and asks the stand-in."""
    home = tmp_path / "agent-home"
    home.mkdir()
    bin_folder = os.environ["BUTLER_LIVE_AGENTS"]
    return {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "ANTHROPIC_BASE_URL": address,
        "ANTHROPIC_API_KEY": "sk-ant-test",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "IS_SANDBOX": "1",
    }
