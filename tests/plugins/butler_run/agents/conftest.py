"""Agents of all kinds that play scripts, impatient so that tests are quick."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from butler.testing.agents import scripted_agent
from butler_run.agents import (
    AcpAgent,
    Agent,
    ClaudeAgent,
    CommandAgent,
    Event,
    Patience,
    ProcessLimits,
    Text,
)

LIMITS = ProcessLimits(quit_grace_s=5.0, end_interval_s=0.3)
PATIENCE = Patience(start_s=60.0, stop_s=2.0)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "copy").mkdir()
    return tmp_path / "copy"


@pytest.fixture
def scripts(tmp_path):
    (tmp_path / "scripts").mkdir()
    return tmp_path / "scripts"


@pytest.fixture
def make(scripts):
    """Return an agent of a kind that plays the script given."""

    def made(
        kind: str,
        script: Mapping[str, object],
        limits: ProcessLimits = LIMITS,
        patience: Patience = PATIENCE,
    ) -> Agent:
        command = scripted_agent(kind, scripts, script)
        if kind == "command":
            return CommandAgent(command, limits)
        return {"acp": AcpAgent, "claude": ClaudeAgent}[kind](command, limits, patience)

    return made


@pytest.fixture
def environment():
    return dict(os.environ)


@pytest.fixture
def events_of(make, folder, environment):
    """Play a script to its end and return the events."""

    async def played(kind, script, prompt="do it", limits=LIMITS, patience=PATIENCE, **wanted):
        agent = make(kind, script, limits, patience)
        async with agent.start(prompt, folder=folder, environment=environment, **wanted) as run:
            return [event async for event in run]

    return played


@pytest.fixture
def start(make, folder, environment):
    def started(kind, script, prompt="do it", limits=LIMITS, patience=PATIENCE, **wanted):
        agent = make(kind, script, limits, patience)
        return agent.start(prompt, folder=folder, environment=environment, **wanted)

    return started


@pytest.fixture
def said() -> Callable[[list[Event]], str]:
    def joined(events):
        return "".join(event.text for event in events if isinstance(event, Text))

    return joined


@pytest.fixture
def is_alive():
    """Whether a process, named by the file that holds its id, is there; reads /proc, so Linux."""

    def alive(pid_file: Path) -> bool:
        try:
            stat = Path(f"/proc/{pid_file.read_text()}/stat").read_text()
        except FileNotFoundError:
            return False
        return stat.rpartition(")")[2].split()[0] != "Z"

    return alive
