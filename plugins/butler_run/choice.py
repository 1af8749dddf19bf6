"""An agent with all that is decided about it for one run."""

from dataclasses import dataclass

from butler_run.agents import RESUME_OF_CLAUDE, Agent, Mode, RunLimits, Wishes
from butler_run.sandbox.boundary import Boundary
from butler_run.settings import Approvers
from butler_run.text.plain import in_one_line

_CHOSEN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a chat has chosen; None leaves it to the configuration and the agent."""

    mode: Mode | None = None
    model: str | None = None
    effort: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """An agent with its settings for one repo.

    Attributes:
        is_program: It is a plain program, so what it prints is no more than that.
        wishes: The mode and model it works in.
        ceiling: The most that it may ever do without asking here.
        default_mode: The mode where the chat has chosen none.
        boundary: What it can reach and take.
        approvers: Who answers its questions, besides owners.
        resume: What continues a conversation in a terminal; empty if unknown.
    """

    name: str
    agent: Agent
    is_program: bool
    wishes: Wishes
    ceiling: Mode
    default_mode: Mode
    environment: dict[str, str]
    limits: RunLimits
    boundary: Boundary
    approvers: Approvers
    resume: str

    @property
    def keeps_apart(self) -> bool:
        """Whether its conversations are kept apart from those of the user."""
        return self.boundary.is_boxed and bool(self.boundary.home.kept)

    @property
    def is_of_claude(self) -> bool:
        """Whether it is Claude Code, whatever speaks for it."""
        return self.resume == RESUME_OF_CLAUDE

    @property
    def title(self) -> str:
        """The agent's name in a sentence."""
        return self.name[:1].upper() + self.name[1:]

    @property
    def label(self) -> str:
        """The name, with the model, effort and mode where a chat has chosen another."""
        mode = self.wishes.mode
        in_mode = mode if mode != self.default_mode else None
        chosen = [self.wishes.model, self.wishes.effort, in_mode]
        shown = (in_one_line(each, _CHOSEN_LENGTH) for each in chosen if each)
        return " · ".join([self.title, *shown])


NOTHING_CHOSEN = Chosen()
