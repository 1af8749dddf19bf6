"""The id by which the log names a message, as an agent and the log of its run have it."""

import logging

import pytest

from butler import logs
from butler.testing import OWNER, make_working_copy
from whatsapp_daemon import eventually


@pytest.fixture
def butler_toml(tmp_path):
    make_working_copy(tmp_path / "api")
    return f"""
        data_dir = "{tmp_path}/data"
        repos.api.path = "{tmp_path}/api"
        access.owners = ["{OWNER}"]
        [plugins.run]
        sandbox = "off"
        agent = "echo"
        [plugins.run.agents.echo]
        kind = "command"
        command = ["sh", "-c", "echo I am at $BUTLER_TRACE"]
    """


class Traces(logging.Handler):
    """Notes by which id each line of the log is told apart."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append((logs.message_of_log.get().trace, record.getMessage()))


async def test_an_agent_and_the_log_of_its_run_know_the_message_by_one_id(chat):
    await chat("/use api")
    message, traces = chat.message("/run go on"), Traces()
    logger = logging.getLogger("butler_run")
    before = logger.level
    logger.addHandler(traces)
    logger.setLevel("DEBUG")

    chat.transport.receive(message)
    said = f"I am at {message.trace}"
    await eventually(lambda: any(said in each.reply.text for each in chat.transport.sent))
    logger.removeHandler(traces)
    logger.setLevel(before)

    assert {trace for trace, _line in traces.lines} == {message.trace}
