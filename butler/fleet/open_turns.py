"""The turns that a hub has handed to workers, until they are over."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import msgspec

from butler.chat.message import Message
from butler.fleet.frames import Over, Turn, Withdrawn
from butler.fleet.member import Member

REPEAT_S = 1.0
GRACE_S = 180.0
"""For a turn that has begun: longer than the timeout of a handler."""


class Loss(Enum):
    """Why the end of a turn is not known."""

    NOT_BEGUN = "the worker is away, and nothing was done"
    AWAY = "the worker went away during it"
    SILENT = "the worker did not say what became of it"
    WITHDRAWN = "the sender deleted the message"


@dataclass(slots=True)
class OpenTurn:
    """A turn in the hands of a worker.

    Attributes:
        frame: As it is sent.
        message: As it came from the chat network.
        member: The worker.
        deadline: When it is too late to begin, by the monotonic clock.
        is_urgent: It overtakes.
        has_begun: The worker said so.
        sent_at: When it was sent last.
        end: What became of it.
    """

    frame: Turn
    message: Message
    member: Member
    deadline: float
    is_urgent: bool = False
    has_begun: bool = False
    sent_at: float = 0.0
    end: "asyncio.Future[Over | Loss]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class OpenTurns:
    """Sends turns again and again until their workers have begun them.

    Args:
        is_withdrawn: Returns whether the sender deleted a message.
    """

    def __init__(self, is_withdrawn: Callable[[Message], bool]) -> None:
        self._is_withdrawn = is_withdrawn
        self._turns: dict[str, OpenTurn] = {}

    def of(self, message: Message) -> Message:
        """Return a message as it came, if its turn is open, else what is given."""
        wanted = message.chat_id, message.id
        for each in self._turns.values():
            if (each.message.chat_id, each.message.id) == wanted:
                return each.message
        return message

    async def outcome(self, turn: OpenTurn) -> Over | Loss:
        """Hand a turn over, and return what became of it."""
        self._turns[turn.frame.id] = turn
        self._send(turn)
        try:
            async with asyncio.timeout(turn.deadline - time.monotonic() + GRACE_S):
                return await turn.end
        except TimeoutError:
            return Loss.SILENT
        finally:
            self._turns.pop(turn.frame.id, None)

    def begun(self, turn: str) -> None:
        """Note that a worker has begun a turn."""
        if open_turn := self._turns.get(turn):
            open_turn.has_begun = True

    def over(self, over: Over) -> None:
        """Note that a turn is over."""
        self._end(self._turns.get(over.turn), over)

    def lose(self, member: Member) -> None:
        """Note that a worker is away."""
        for turn in self._of(member):
            self._end(turn, Loss.AWAY if turn.has_begun else Loss.NOT_BEGUN)

    def ask_again(self, member: Member) -> None:
        """Ask a new process of a worker about its turns: it knows what the old one began."""
        for turn in self._of(member):
            turn.has_begun = False
            self._send(turn)

    async def repeat(self) -> None:
        """Send for ever what has not begun."""
        while True:
            await asyncio.sleep(REPEAT_S / 2)
            now = time.monotonic()
            for turn in list(self._turns.values()):
                if not turn.has_begun and now - turn.sent_at >= REPEAT_S:
                    self._look_at(turn, now)

    def _look_at(self, turn: OpenTurn, now: float) -> None:
        if self._is_withdrawn(turn.message):
            turn.member.pump.send(Withdrawn(turn.frame.id))
        if now < turn.deadline:
            self._send(turn)
        else:
            self._end(turn, Loss.NOT_BEGUN)

    def _send(self, turn: OpenTurn) -> None:
        turn.sent_at = time.monotonic()
        left_s = max(0.0, turn.deadline - turn.sent_at)
        frame = msgspec.structs.replace(turn.frame, left_s=left_s)
        turn.member.pump.send(frame, is_urgent=turn.is_urgent)

    def _of(self, member: Member) -> list[OpenTurn]:
        return [turn for turn in self._turns.values() if turn.member is member]

    def _end(self, turn: OpenTurn | None, end: Over | Loss) -> None:
        if turn is not None and not turn.end.done():
            turn.end.set_result(end)
