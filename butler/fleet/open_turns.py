"""The turns that a hub has handed to workers, until they are over."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

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


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


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
        news: The same; None as soon as its chat should no longer wait for it.
    """

    frame: Turn
    message: Message
    member: Member
    deadline: float
    is_urgent: bool = False
    has_begun: bool = False
    sent_at: float = 0.0
    end: asyncio.Future[Over | Loss] = field(default_factory=_future)
    news: asyncio.Future[Over | Loss | None] = field(default_factory=_future)


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

    def hand_over(self, turn: OpenTurn) -> None:
        """Hand a turn over."""
        self._turns[turn.frame.id] = turn
        self._send(turn)

    def forget(self, turn: OpenTurn) -> None:
        """Wait for a turn no longer."""
        self._turns.pop(turn.frame.id, None)

    def withdraw(self, turn: OpenTurn) -> None:
        """Let a worker not begin a turn."""
        turn.member.pump.drop(turn.frame)
        turn.member.pump.send(Withdrawn(turn.frame.id), is_urgent=True)
        self._end(turn, Loss.WITHDRAWN)

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

    def free_chats(self) -> None:
        """Let no chat wait for its turn, as Redis is away."""
        for turn in self._turns.values():
            if not turn.news.done():
                turn.news.set_result(None)

    def ask_again(self, member: Member) -> None:
        """Ask a new process of a worker about its turns: it knows what the old one began."""
        for turn in self._of(member):
            turn.has_begun = False
            self._send(turn)

    async def repeat(self) -> None:
        """Send for ever what has not begun, and give up what nobody tells the end of."""
        while True:
            await asyncio.sleep(REPEAT_S / 2)
            now = time.monotonic()
            for turn in list(self._turns.values()):
                self._look_at(turn, now)

    def _look_at(self, turn: OpenTurn, now: float) -> None:
        if now >= turn.deadline + GRACE_S:
            self._end(turn, Loss.SILENT)
        elif turn.has_begun or now - turn.sent_at < REPEAT_S:
            return
        elif now >= turn.deadline:
            self._end(turn, Loss.NOT_BEGUN)
        else:
            if self._is_withdrawn(turn.message):
                turn.member.pump.send(Withdrawn(turn.frame.id))
            self._send(turn)

    def _send(self, turn: OpenTurn) -> None:
        turn.sent_at = time.monotonic()
        left_s = max(0.0, turn.deadline - turn.sent_at)
        frame = msgspec.structs.replace(turn.frame, left_s=left_s)
        turn.member.pump.send(frame, is_urgent=turn.is_urgent)

    def _of(self, member: Member) -> list[OpenTurn]:
        return [turn for turn in self._turns.values() if turn.member is member]

    def _end(self, turn: OpenTurn | None, end: Over | Loss) -> None:
        if turn is None:
            return
        self.forget(turn)
        if not turn.end.done():
            turn.end.set_result(end)
        if not turn.news.done():
            turn.news.set_result(end)
