"""A panel without a server: its application, and a browser of the owner."""

import pytest
from starlette.testclient import TestClient

from butler.config import loading
from butler.web.application import make_application
from butler.web.console import Console
from butler.web.doorkeeper import Doorkeeper
from butler.web.linking import Linking
from butler.web.live import Live
from butler.web.panel import Fragments, Panel
from butler.web.render import make_environment
from butler_process import write_config
from panel_kit import ORIGIN, PORT, FakeSource, post


@pytest.fixture
def config_path(tmp_path):
    return write_config(tmp_path)


@pytest.fixture
def source():
    return FakeSource()


@pytest.fixture
def is_read_only():
    return False


@pytest.fixture
def panel(config_path, source, is_read_only):
    config = loading.read(config_path)
    config.data_dir.mkdir(exist_ok=True)
    live = Live(config, source)
    return Panel(
        *(config, config_path, is_read_only, Doorkeeper(), make_environment(), source),
        *(live, Linking(config), Console(config_path), Fragments()),
    )


@pytest.fixture
def stranger(panel):
    """A browser that has not signed in."""
    with TestClient(
        make_application(panel, PORT), base_url=ORIGIN, follow_redirects=False
    ) as client:
        client.headers["accept"] = "text/html"
        yield client


@pytest.fixture
def owner(panel, stranger):
    """A browser that has."""
    token = panel.doorkeeper.new_token()
    assert post(stranger, "/sign-in", token=token).status_code == 303
    return stranger
