"""Which mode is set, for what an agent offers."""

import pytest
from acp.schema import NewSessionResponse

from butler_run.agents import Mode
from butler_run.agents.acp.modes import ModeChoice, choice_of_mode

CLAUDE = ("default", "acceptEdits", "plan", "dontAsk", "bypassPermissions")
CODEX = ("read-only", "auto", "full-access")
NEW_CODEX = ("read-only", "workspace-write", "agent", "agent-full-access")


def _session(modes, current):
    offered = [{"id": mode, "name": mode} for mode in modes]
    state = {"currentModeId": current, "availableModes": offered}
    return NewSessionResponse.model_validate({"sessionId": "s", "modes": state})


@pytest.mark.parametrize(
    ("mode", "modes", "current", "choice"),
    [
        (Mode.ASK, CLAUDE, "default", ModeChoice()),
        (Mode.ASK, CLAUDE, "bypassPermissions", ModeChoice("default", is_unasking=True)),
        (Mode.EDITS, CLAUDE, "default", ModeChoice("acceptEdits")),
        (Mode.PLAN, CLAUDE, "default", ModeChoice("plan")),
        (Mode.BYPASS, CLAUDE, "default", ModeChoice("bypassPermissions")),
        (Mode.ASK, CODEX, "auto", ModeChoice("read-only", is_unasking=True)),
        (Mode.BYPASS, CODEX, "read-only", ModeChoice("full-access")),
        (Mode.ASK, NEW_CODEX, "agent", ModeChoice("read-only", is_unasking=True)),
        (Mode.EDITS, NEW_CODEX, "agent", ModeChoice("workspace-write", is_unasking=True)),
        (Mode.BYPASS, NEW_CODEX, "agent", ModeChoice("agent-full-access", is_unasking=True)),
        (Mode.ASK, ("build", "plan"), "build", ModeChoice()),
        (Mode.EDITS, ("build", "plan"), "build", ModeChoice()),
        (Mode.PLAN, ("build", "plan"), "build", ModeChoice("plan")),
        (Mode.ASK, ("fast",), "fast", ModeChoice()),
        (Mode.PLAN, ("fast",), "fast", ModeChoice(is_missing=True)),
        (Mode.ASK, ("yolo",), "yolo", ModeChoice(is_unasking=True)),
    ],
)
def test_the_mode_nearest_to_the_one_wanted_is_set(mode, modes, current, choice):
    assert choice_of_mode(mode, _session(modes, current)) == choice


@pytest.mark.parametrize(
    "options",
    [
        [{"value": "default", "name": "d"}, {"value": "plan", "name": "p"}],
        [{"group": "g", "name": "g", "options": [{"value": "plan", "name": "p"}]}],
    ],
    ids=["flat", "grouped"],
)
def test_a_mode_may_be_a_configuration_option(options):
    option = {"id": "m", "name": "m", "type": "select", "category": "mode"}
    model = {**option, "id": "model", "category": "model"}
    shown = [{**shape, "currentValue": "default", "options": options} for shape in (model, option)]
    session = NewSessionResponse.model_validate({"sessionId": "s", "configOptions": shown})

    assert choice_of_mode(Mode.PLAN, session) == ModeChoice("plan", "m")


@pytest.mark.parametrize(("mode", "is_missing"), [(Mode.ASK, False), (Mode.PLAN, True)])
def test_an_agent_without_modes_asks_by_itself(mode, is_missing):
    session = NewSessionResponse.model_validate({"sessionId": "s"})

    assert choice_of_mode(mode, session) == ModeChoice(is_missing=is_missing)
