"""The messages of Claude Code's command; pure functions."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from butler_run.agents.agent import PromptFile
from butler_run.agents.events import Tasks
from butler_run.agents.text import on_one_line

INITIALIZE = "i1"
"""The id of the first request."""

ALLOW, REJECT = "allow", "reject"

_MOST_TASKS = 50


def file_blocks(files: Iterable[PromptFile]) -> Iterator[dict[str, Any]]:
    """Yield a content block for each file that the model can look at."""
    for each in files:
        if each.shown is not None:
            data = base64.b64encode(each.shown).decode()
            source = {"type": "base64", "media_type": each.shown_type, "data": data}
            kind = "image" if each.shown_type.startswith("image/") else "document"
            yield {"type": kind, "source": source}


def initialization(message: dict[str, Any]) -> dict[str, Any] | None:
    """Return the answer to ``initialize``; None if it is another message."""
    match message:
        case {"response": {"request_id": str(id), "response": dict(response)}}:
            return response if id == INITIALIZE else None
    return None


def tasks_of(tasks: list[Any]) -> Tasks:
    """Return what works beside the agent."""
    kinds = [each.get("task_type") for each in tasks if isinstance(each, dict)]
    commands = [
        on_one_line(str(each.get("description", "")), 80)
        for each in tasks[:_MOST_TASKS]
        if isinstance(each, dict) and each.get("task_type") == "local_bash"
    ]
    return Tasks(kinds.count("local_agent"), tuple(commands))


def input_of(holder: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input of a tool; empty if there is none."""
    tool_input = holder.get("input")
    return tool_input if isinstance(tool_input, dict) else {}


def decision(request: dict[str, Any], option_id: str | None) -> dict[str, Any]:
    """Return the response to a request for permission; None rejects and stops."""
    if option_id is None:
        return {"behavior": "deny", "message": "The run was stopped.", "interrupt": True}
    if option_id == REJECT:
        return {"behavior": "deny", "message": "The user said no."}
    return {"behavior": "allow", "updatedInput": input_of(request)}


def complaint(result: dict[str, Any]) -> str:
    """Return what a result complains about."""
    said = result.get("result") or result.get("errors") or result.get("subtype") or ""
    return on_one_line("; ".join(map(str, said)) if isinstance(said, list) else str(said))


def tokens_in(counts: Mapping[str, Any]) -> int:
    """Return the sum of all tokens."""
    return sum(
        count for key, count in counts.items() if key.endswith("_tokens") and isinstance(count, int)
    )


def context_size(usage_by_model: object) -> int | None:
    """Return the size of the largest context among the models of a run."""
    usages = usage_by_model.values() if isinstance(usage_by_model, dict) else ()
    sizes = [each.get("contextWindow") for each in usages if isinstance(each, dict)]
    return max((each for each in sizes if isinstance(each, int)), default=None)
