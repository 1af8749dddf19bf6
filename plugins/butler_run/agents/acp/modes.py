"""Choose the wanted mode among those that an agent offers; pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from butler_run.agents.agent import Mode

if TYPE_CHECKING:
    from acp.schema import LoadSessionResponse, NewSessionResponse, ResumeSessionResponse

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
        option_id: The configuration option of the mode, for agents without modes.
        is_missing: The agent offers no mode like the wanted one.
        is_unasking: The agent's current mode acts without asking.
    """

    id: str | None = None
    option_id: str | None = None
    is_missing: bool = False
    is_unasking: bool = False


def choice_of_mode(
    mode: Mode, session: "NewSessionResponse | LoadSessionResponse | ResumeSessionResponse"
) -> ModeChoice:
    """Return the mode to set in a new session."""
    if session.modes is not None:
        offered = [offer.id for offer in session.modes.available_modes]
        return _choice(mode, offered, session.modes.current_mode_id, None)
    for option in session.config_options or ():
        if option.category == "mode" and option.type == "select":
            values = list(_values(option.options))
            return _choice(mode, values, option.current_value, option.id)
    return ModeChoice(is_missing=mode is not Mode.ASK)


def _choice(mode: Mode, offered: list[str], current: str, option_id: str | None) -> ModeChoice:
    is_unasking = current in _UNASKING
    fitting = next((known for known in _IDS[mode] if known in offered), None)
    if fitting is None:
        return ModeChoice(is_missing=mode is not Mode.ASK, is_unasking=is_unasking)
    if fitting == current:
        return ModeChoice()
    return ModeChoice(fitting, option_id, is_unasking=is_unasking)


def _values(options: Iterable[object]) -> Iterable[str]:
    for option in options:
        yield from _values(getattr(option, "options", ()))
        if isinstance(value := getattr(option, "value", None), str):
            yield value
