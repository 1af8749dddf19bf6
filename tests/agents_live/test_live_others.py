"""The real codex-acp and Gemini CLI against a stand-in for their models.

``BUTLER_LIVE_AGENTS`` names the folder that holds them; without it nothing is run. The stand-in
only talks and refuses here: it plays no tools for them, so questions and plans are not tried.
"""

import json
import os
from pathlib import Path

import pytest

from butler_run.agents import AcpAgent, Finished, Mode, Reason, Started, Text, Wishes

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.live_agents,
    pytest.mark.skipif("BUTLER_LIVE_AGENTS" not in os.environ, reason="make test-agents"),
]
_COMMANDS = {"codex": ["codex-acp"], "gemini": ["gemini", "--acp"]}


@pytest.fixture(params=_COMMANDS)
def name(request):
    return request.param


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "copy").mkdir()
    return tmp_path / "copy"


@pytest.fixture
def play(name, folder, environment, address):
    """Play a prompt; return the events."""
    home = Path(environment["HOME"])
    if name == "codex":
        (home / ".codex").mkdir()
        (home / ".codex" / "config.toml").write_text(f"""
            model_provider = "standin"
            [model_providers.standin]
            name = "standin"
            base_url = "{address}/v1"
            wire_api = "responses"
            env_key = "STANDIN_KEY"
            request_max_retries = 0
        """)
        keys = {"STANDIN_KEY": "k", "CODEX_API_KEY": "k"}
    else:
        (home / ".gemini").mkdir()
        auth = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
        (home / ".gemini" / "settings.json").write_text(json.dumps(auth))
        keys = {"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": address}
    agent = AcpAgent(_COMMANDS[name])

    async def played(prompt, **wanted):
        given = {**environment, **keys}
        async with agent.start(prompt, folder=folder, environment=given, **wanted) as run:
            return [event async for event in run]

    played.look = lambda: agent.look(folder=folder, environment={**environment, **keys})
    return played


async def test_it_answers(play, model):
    events = await play("hello")

    assert model.ANSWER in "".join(e.text for e in events if isinstance(e, Text))
    assert events[-1] == Finished(Reason.DONE)


@pytest.mark.parametrize("name", ["codex"], indirect=True)  # Gemini CLI answers no such prompt here
async def test_a_conversation_is_resumed(play):
    (begun,) = (e.conversation_id for e in await play("hello") if isinstance(e, Started))

    assert (await play("again", conversation_id=begun))[-1] == Finished(Reason.DONE)


async def test_a_usage_limit_is_an_end_of_its_own(play):
    assert (await play("Please reach the limit."))[-1].reason is Reason.LIMITED


async def test_it_plans_in_its_own_plan_mode(play):
    assert (await play("hello", wishes=Wishes(Mode.PLAN)))[-1] == Finished(Reason.DONE)


async def test_it_says_what_it_offers(play, name):
    await play("hello")

    offer = await play.look()

    assert {Mode.ASK, Mode.BYPASS} <= {*offer.modes}
    # Gemini CLI 0.61 offers its models and conversations in no way of the stable protocol.
    assert bool(offer.models) is (name == "codex")
    assert (offer.conversations is not None) is (name == "codex")
