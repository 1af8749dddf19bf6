"""Nothing of a run in a sandbox survives its end, whatever it does."""

import uuid
from functools import partial
from pathlib import Path

import pytest

from butler_run import configured
from butler_run.agents import ProcessLimits


@pytest.fixture
def mark():
    """Return a word by which the processes of one run are found."""
    return f"mark{uuid.uuid4().hex}"


@pytest.fixture
def alive():
    """Return how many processes have a word in their command line, but the sandbox around them."""

    def counted(word):
        return sum(word in each for each in _command_lines())

    return counted


def _command_lines():
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes().decode(errors="replace")
        except OSError:
            continue
        yield line


def long(mark):
    return f"sh -c 'sleep 300; : {mark}'"


@pytest.mark.parametrize("number", ["9", "STOP"])
async def test_what_detached_itself_and_attacked_its_parent_is_gone(shell, mark, alive, number):
    said = await shell(f"setsid {long(mark)} & kill -{number} $PPID; kill -{number} 1; echo end")

    assert "end" in said
    assert alive(mark) == 0


async def test_stop_ends_a_run_that_hears_no_signal(chat, mark, alive, mocker, wait_for):
    mocker.patch.object(configured, "ProcessLimits", partial(ProcessLimits, end_interval_s=0.2))
    await chat("/use api")
    await chat(
        f"/run trap '' INT TERM HUP; kill -STOP $PPID; kill -STOP 1; setsid {long(mark)} &\n"
        f"echo ready; while :; do {long(mark)}; done"
    )
    await wait_for(chat, "writing")

    assert "Run 1 stopped after " in (await chat("/stop"))[0]
    assert alive(mark) == 0


async def test_an_agent_is_asked_to_stop_before_it_is_killed(chat, api, wait_for):
    await chat("/use api")
    await chat(
        "/run trap 'echo asked > asked; exit 3' INT; echo ready; while :; do sleep 0.05; done"
    )
    await wait_for(chat, "writing")

    await chat("/stop")

    assert (api / "asked").read_text() == "asked\n"


async def test_how_it_ended_is_said_as_without_a_sandbox(shell):
    assert "sh ended with status 3" in await shell("exit 3")
    assert "sh was ended by SIGKILL" in await shell("kill -9 $$")
