"""Choose among the modes, models and efforts that an agent offers; pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass

from acp.schema import LoadSessionResponse, NewSessionResponse, ResumeSessionResponse

from butler_run.agents.events import Label, Mode

Session = NewSessionResponse | LoadSessionResponse | ResumeSessionResponse

CATEGORIES = {"model": "model", "effort": "thought_level"}
"""The categories of options for what a chat may choose besides the mode."""

# The names in Claude, Codex, Gemini and OpenCode; the first offered one is used.
_IDS = {
    Mode.ASK: ("default", "ask", "read-only", "build"),
    Mode.EDITS: ("acceptEdits", "autoEdit", "auto_edit", "workspace-write", "auto", "build"),
    Mode.PLAN: ("plan", "read-only"),
    Mode.BYPASS: ("bypassPermissions", "yolo", "agent-full-access", "full-access"),
}
# "agent" is the default of Codex: a model decides. OpenCode's "build" asks as configured by its
# environment.
_UNASKING = frozenset({*_IDS[Mode.EDITS], *_IDS[Mode.BYPASS], "dontAsk", "agent"} - {"build"})


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """The mode to set.

    Attributes:
        id: The id of the mode; None keeps the agent's current one.
        option_id: The configuration option of the mode; None for agents without such options.
        is_missing: The agent offers no mode like the wanted one.
        is_unasking: The agent's current mode acts without asking.
    """

    id: str | None = None
    option_id: str | None = None
    is_missing: bool = False
    is_unasking: bool = False


def choice_of_mode(mode: Mode, session: Session) -> ModeChoice:
    """Return the mode to set in a new session."""
    if (option := option_of("mode", session)) is not None:
        return _choice(mode, [each.value for each in option.labels], option.current, option.id)
    if session.modes is not None:
        offered = [offer.id for offer in session.modes.available_modes]
        return _choice(mode, offered, session.modes.current_mode_id, None)
    return ModeChoice(is_missing=mode is not Mode.ASK)


def _choice(mode: Mode, offered: list[str], current: str, option_id: str | None) -> ModeChoice:
    is_unasking = current in _UNASKING
    fitting = next((known for known in _IDS[mode] if known in offered), None)
    if fitting is None:
        return ModeChoice(is_missing=mode is not Mode.ASK, is_unasking=is_unasking)
    if fitting == current:
        return ModeChoice()
    return ModeChoice(fitting, option_id, is_unasking=is_unasking)


@dataclass(frozen=True, slots=True)
class SessionOption:
    """A configuration option of a session with its choices."""

    id: str
    current: str
    labels: tuple[Label, ...]


def option_of(category: str, session: Session) -> SessionOption | None:
    """Return the first option of a category among those that a session offers."""
    for option in session.config_options or ():
        if option.category == category and option.type == "select":
            labels = tuple(_labels(option.options))
            return SessionOption(option.id, option.current_value, labels)
    return None


def modes_in(session: Session) -> tuple[Mode, ...]:
    """Return the modes that an agent knows, by any of their names."""
    option = option_of("mode", session)
    offered = [each.value for each in option.labels] if option else []
    if not offered and session.modes is not None:
        offered = [each.id for each in session.modes.available_modes]
    return tuple(mode for mode in Mode if not {*_IDS[mode]}.isdisjoint(offered))


def _labels(options: Iterable[object]) -> Iterable[Label]:
    for option in options:
        yield from _labels(getattr(option, "options", ()))
        value = getattr(option, "value", None)
        if isinstance(value, str) and value.isprintable():
            name, description = getattr(option, "name", ""), getattr(option, "description", "")
            yield Label(value, name or value, description or "")
