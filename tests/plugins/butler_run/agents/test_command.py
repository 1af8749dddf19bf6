"""Where a prompt goes when it is given to any program."""

import pytest

from butler_run.agents import AgentError, CommandAgent, Finished, Reason, Text
from butler_run.agents.command import with_prompt


@pytest.mark.parametrize(
    ("command", "prompt", "arguments"),
    [
        (["make", "test"], "-x", ("make", "test")),
        (["tool", "{prompt}"], "hi", ("tool", "hi")),
        (["tool", "{prompt}"], "-rf", ("tool", " -rf")),
        (["tool", "{prompt}!"], "-rf", ("tool", " -rf!")),
        (["tool", "--", "{prompt}"], "-rf", ("tool", "--", "-rf")),
        (["tool", "--ask={prompt}"], "-rf", ("tool", "--ask=-rf")),
        (["tool", "{prompt}"], "a\0b", ("tool", "ab")),
        (["tool", "{prompt}"], "a\ud800b", ("tool", "a?b")),
        (["{prompt}"], "rm", ("{prompt}",)),
    ],
)
def test_a_prompt_is_never_an_option(command, prompt, arguments):
    assert with_prompt(command, prompt) == arguments


def test_a_prompt_too_long_for_an_argument_is_said():
    with pytest.raises(AgentError, match="too long for an argument of tool"):
        with_prompt(["tool", "{prompt}"], "x" * 131_072)


async def test_the_output_is_the_answer(folder, environment):
    agent = CommandAgent(["echo", "{prompt}"])

    async with agent.start("hi", folder=folder, environment=environment) as run:
        events = [event async for event in run]

    assert events[1:] == [Text("hi\n"), Finished(Reason.DONE)]


async def test_the_longest_prompt_that_fits_an_argument_arrives(folder, environment):
    agent = CommandAgent(["echo", "-n", "{prompt}"])

    async with agent.start("x" * 131_071, folder=folder, environment=environment) as run:
        text = "".join([event.text async for event in run if isinstance(event, Text)])

    assert len(text) == 131_071


async def test_a_character_that_is_cut_off_is_replaced(folder, environment):
    agent = CommandAgent(["printf", "a\\303"])

    async with agent.start("hi", folder=folder, environment=environment) as run:
        text = "".join([event.text async for event in run if isinstance(event, Text)])

    assert text == "a\ufffd"


async def test_a_failing_program_says_its_status(folder, environment):
    agent = CommandAgent(["sh", "-c", "echo no rule >&2; exit 2"])

    async with agent.start("", folder=folder, environment=environment) as run:
        events = [event async for event in run]

    assert events[-1] == Finished(Reason.FAILED, "sh ended with status 2: no rule")
    await run.answer("none", "none")
