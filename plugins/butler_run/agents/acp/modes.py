"""Which of the modes that an agent offers is the one wanted; a pure decision."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from butler_run.agents.agent import Mode

if TYPE_CHECKING:
    from acp.schema import LoadSessionResponse, NewSessionResponse, ResumeSessionResponse

# What Claude, Codex, Gemini and OpenCode call them; the first that is offered is taken.
_IDS = {
    Mode.ASK: ("default", "ask", "read-only", "build"),
    Mode.EDITS: ("acceptEdits", "autoEdit", "auto_edit", "workspace-write", "auto", "build"),
    Mode.PLAN: ("plan", "read-only"),
    Mode.BYPASS: ("bypassPermissions", "yolo", "agent-full-access", "full-access"),
}
# "agent" is how Codex starts: it lets a model decide. In its "build" OpenCode asks for what its
# environment says.
_UNASKING = frozenset({*_IDS[Mode.EDITS], *_IDS[Mode.BYPASS], "dontAsk", "agent"} - {"build"})


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """What to set.

    Attributes:
        id: The mode to set; None leaves the agent as it is.
        option_id: The configuration option that holds the mode, for agents without modes.
        is_missing: The agent offers nothing like the mode wanted.
        is_unasking: Left as it is, the agent acts without asking.
    """

    id: str | None = None
    option_id: str | None = None
    is_missing: bool = False
    is_unasking: bool = False


def choice_of_mode(
    mode: Mode, session: "NewSessionResponse | LoadSessionResponse | ResumeSessionResponse"
) -> ModeChoice:
    """Return what to set in a session that has just been opened."""
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
