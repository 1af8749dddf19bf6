"""Items of to-do lists, as several agents write them."""

from butler_run.agents.events import Todo, TodoState

STATES = {str(each): each for each in TodoState}


def todo_of(item: object) -> Todo | None:
    """Return an item of a to-do list; None if it has no text or an unknown state."""
    match item:
        case {"content": str(text), "status": str(state)} if text and state in STATES:
            return Todo(text, STATES[state])
    return None
