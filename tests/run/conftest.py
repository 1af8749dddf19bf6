import json

import pytest

from butler.testing import OWNER, make_working_copy
from butler.testing_agents import scripted_agent


@pytest.fixture
def script(tmp_path):
    """What the agent will do: a dict that a test may change before it asks for a run."""

    class Script(dict):
        def turns(self, *steps):
            self["turns"] = [list(steps)]
            (tmp_path / "acp-script.json").write_text(json.dumps(self))

    return Script()


@pytest.fixture
def butler_toml(tmp_path, script):
    for name in ("api", "web"):
        make_working_copy(tmp_path / name)
    command = scripted_agent("acp", tmp_path, {"turns": [[{"say": "Done."}]]})
    return f"""
        data_dir = "{tmp_path}/data"
        repos.api.path = "{tmp_path}/api"
        repos.web.path = "{tmp_path}/web"
        repos.plain.path = "{tmp_path}/plain"
        [access]
        owners = ["{OWNER}"]
        chats = ["team@g.us", "other@g.us"]
        [plugins]
        enabled = ["session", "run"]
        [plugins.run]
        agent = "scripted"
        max_runs = 2
        max_queued = 2
        max_runs_per_hour = 3
        [plugins.run.agents.scripted]
        command = {json.dumps(command)}
        [plugins.run.agents.shout]
        kind = "command"
        command = ["tr", "a-z", "A-Z"]
    """


@pytest.fixture
def api(tmp_path):
    return tmp_path / "api"
