"""What goes with a plan besides its text is never approved unseen."""

from pathlib import Path

import pytest

from butler_run.agents import Decision, PermissionAsked, PlanProposed
from butler_run.agents.acp.updates import Updates
from butler_run.agents.claude.asked import decided

COMMANDS = [{"tool": "Bash", "prompt": "delete everything"}]


@pytest.mark.parametrize("decision", [Decision.GO, Decision.GO_EDITING])
def test_claude_gets_a_plan_back_without_the_commands_it_would_not_ask_about(decision):
    tool_input = {"plan": "Fix it", "allowedPrompts": COMMANDS}

    assert decided(tool_input, decision, "")["updatedInput"] == {"plan": "Fix it"}


@pytest.mark.parametrize("where", ["before", "now"])
def test_a_plan_with_commands_is_a_question_that_shows_them(where):
    updates = Updates(Path("/srv/api"))
    with_commands = {"plan": "Fix it", "allowedPrompts": COMMANDS}
    call = {"toolCallId": "t", "kind": "switch_mode", "title": "Ready to code?"}
    before = with_commands if where == "before" else {"plan": "Fix it"}
    list(updates.events({"sessionUpdate": "tool_call", **call, "rawInput": before}))
    now = {} if where == "before" else {"rawInput": with_commands}

    asked = updates.question("q", {"toolCall": {**call, **now}, "options": []})

    assert isinstance(asked, PermissionAsked)
    assert "delete everything" in asked.detail


def test_a_plan_alone_is_a_plan():
    call = {"toolCallId": "t", "kind": "switch_mode", "rawInput": {"plan": "Fix it"}}

    asked = Updates(Path("/srv/api")).question("q", {"toolCall": call, "options": []})

    assert isinstance(asked, PlanProposed)
