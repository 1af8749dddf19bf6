"""A chat in which agents work; helps to wait for what they say."""

import asyncio
import json
import os
import re

import pytest

from butler.testing import OWNER, make_working_copy
from butler.testing.agents import scripted_agent
from butler_process import PATIENCE_S


@pytest.fixture
def script(tmp_path):
    """What the agent will do: a dict that a test may change before it asks for a run."""

    class Script(dict):
        def turns(self, *steps):
            self.prompts(steps)

        def prompts(self, *turns):
            """Let it play several prompts of one run."""
            self["turns"] = [list(steps) for steps in turns]
            (tmp_path / "acp-script.json").write_text(json.dumps(self))

    return Script()


@pytest.fixture(autouse=True)
def quick_answers(mocker):
    """Let questions be answered at once, as nobody has to read them."""
    mocker.patch("butler_run.permissions.questions.HASTE_S", -60.0)


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
        sandbox = "off"
        agent = "scripted"
        max_runs = 2
        max_queued = 2
        max_runs_per_hour = 3
        [plugins.run.agents.scripted]
        command = {json.dumps(command)}
        [plugins.run.agents.shout]
        kind = "command"
        command = ["tr", "a-z", "A-Z"]
        [plugins.run.agents.shell]
        kind = "command"
        command = ["sh"]
    """


@pytest.fixture
def api(tmp_path):
    return tmp_path / "api"


async def _first(chat, after, is_it):
    """Return the first message to a chat behind a position that is the one, once it is there."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for each in chat.transport.sent[after:]:
                if each.chat_id == chat.chat_id and is_it(each.reply):
                    return each
            await chat.next_reply()


@pytest.fixture
def wait_for():
    """Return the first message to a chat, behind a position, that has a text in it."""

    async def waited(chat, text, after=0):
        return await _first(chat, after, lambda reply: text in reply.text)

    return waited


@pytest.fixture
def answer():
    """Return the first answer of a run to a chat, behind a position."""

    def is_answer(reply):
        return reply.answers and re.search(
            r" · \d+ s|no /undo|no files changed|stopped after", reply.text
        )

    async def answered(chat, after=0):
        return await _first(chat, after, is_answer)

    return answered


@pytest.fixture
def run(answer):
    """Ask for a run and return the text of its answer."""

    async def ran(chat, prompt="do it"):
        before = len(chat.transport.sent)
        assert await chat(f"/run {prompt}") is not None
        return (await answer(chat, before)).reply.text

    return ran


@pytest.fixture
def is_alive():
    """Whether there is a process with this id."""

    def alive(pid):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    return alive


@pytest.fixture
def gate(mocker):
    """Hold up a method until the gate is opened; has what is to be known of it."""

    class Gate:
        def __init__(self):
            self.is_reached, self.is_open = asyncio.Event(), asyncio.Event()

        def before(self, owner, name):
            method = getattr(owner, name)

            async def held_up(*arguments, **keywords):
                self.is_reached.set()
                await self.is_open.wait()
                return await method(*arguments, **keywords)

            mocker.patch.object(owner, name, held_up)

    return Gate()
