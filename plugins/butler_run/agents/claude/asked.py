"""What Claude asks besides permission: its own questions, and plans."""

from collections.abc import Iterator, Mapping
from typing import Any

from butler_run.agents.events import Decision, Field, FieldKind, Label, Value

ASK, PLAN = "AskUserQuestion", "ExitPlanMode"

_DECLINED = "The user declined to answer."
_REFUSED = "The user does not want this plan to be carried out."


def fields_of(tool_input: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the questions in the input of the tool; those without a text are left out."""
    questions = tool_input.get("questions")
    return tuple(_fields(questions if isinstance(questions, list) else []))


def _fields(questions: list[Any]) -> Iterator[Field]:
    for each in questions:
        match each:
            case {"question": str(question)} if question:
                labels = tuple(_labels(each.get("options")))
                kind = FieldKind.CHOICE if labels else FieldKind.TEXT
                is_many = each.get("multiSelect") is True
                yield Field(question, question, kind, labels, is_many=is_many, takes_text=True)


def _labels(options: object) -> Iterator[Label]:
    for each in options if isinstance(options, list) else ():
        match each:
            case {"label": str(label)} if label:
                description = each.get("description")
                yield Label(label, label, description if isinstance(description, str) else "")


def filled(
    tool_input: Mapping[str, Any], values: Mapping[str, Value] | None, note: str
) -> dict[str, Any]:
    """Return the response to the questions; without values it denies."""
    if values is None:
        return {"behavior": "deny", "message": note or _DECLINED}
    answers = {key: _text(value) for key, value in values.items()}
    return {"behavior": "allow", "updatedInput": {**tool_input, "answers": answers}}


def _text(value: Value) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def decided(tool_input: Mapping[str, Any], decision: Decision, reason: str) -> dict[str, Any]:
    """Return the response to a plan; editing without asking lasts as long as this process."""
    if decision is Decision.NO:
        return {"behavior": "deny", "message": f"{_REFUSED} {reason}".strip()}
    # Older ones take commands from it that are not asked later; the chat has seen the plan alone.
    shown = {key: value for key, value in tool_input.items() if key != "allowedPrompts"}
    allowed = {"behavior": "allow", "updatedInput": shown}
    if decision is Decision.GO:
        return allowed
    edits = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
    return {**allowed, "updatedPermissions": [edits]}
