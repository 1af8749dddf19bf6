"""What a worker shall do, and what may become of it."""

from dataclasses import dataclass

from butler.access.rules import Refusal
from butler.chat.message import Message
from butler.fleet import texts
from butler.fleet.frames import Turn
from butler.fleet.member import Member
from butler.fleet.open_turns import OpenTurn

LOST = Refusal("lost", "its machine went away during it")
NOT_RUN = Refusal("not run", "its machine did not come back")


@dataclass(slots=True)
class Order:
    """What a worker shall do.

    Attributes:
        frame: The turn.
        message: As it came from the chat network.
        member: The worker.
        deadline: When it is too late to begin, by the monotonic clock.
        is_urgent: It overtakes.
        was_sent: The worker may have begun it.
        turn: The turn, while it is in the hands of the worker.
    """

    frame: Turn
    message: Message
    member: Member
    deadline: float
    is_urgent: bool = False
    was_sent: bool = False
    turn: OpenTurn | None = None

    @property
    def not_back(self) -> str:
        """What to say if the worker does not come back."""
        words = texts.perhaps_done if self.was_sent else texts.not_back
        return words(self.member)
