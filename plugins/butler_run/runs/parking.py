"""Lets runs that a usage limit ended go on after its reset, once."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from butler import Context, UserError
from butler_run.agents import UsageLimit
from butler_run.history.parked import Parked
from butler_run.history.past import State
from butler_run.history.runs import History

logger = logging.getLogger(__name__)

AFTER_RESET_S = 120.0
"""How long after the reset that was reported a run goes on."""

LATE_S = 12 * 3600.0
"""How late a run may still go on, such as after a night in which the machine was off."""

PARK = "park"
"""The preference of a chat."""

_LOOK_AGAIN_S = 60.0

GoOn = Callable[[Context, Parked], Awaitable[None]]


class Parking:
    """The runs that wait for the reset of a usage limit.

    Args:
        history: Keeps them over restarts.
        is_default: Whether runs of chats without a choice are parked.
        go_on: Starts a run that goes on.
    """

    def __init__(self, history: History, go_on: GoOn, *, is_default: bool) -> None:
        self._history = history
        self._go_on = go_on
        self.is_default = is_default

    def is_on(self, chat_id: str) -> bool:
        """Return whether runs of a chat are parked."""
        chosen = self._history.preferences.get(chat_id, PARK)
        return self.is_default if chosen is None else chosen == "on"

    def choose(self, chat_id: str, *, is_on: bool) -> None:
        """Choose whether runs of a chat are parked."""
        self._history.preferences.set(chat_id, PARK, "on" if is_on else "off")

    def offer(
        self, ctx: Context, number: int, limit: UsageLimit, conversation_id: str | None
    ) -> str:
        """Park a run if that is possible and wanted; return what the chat is told.

        The run waits once ``wait`` is called.
        """
        if not self.is_on(ctx.chat_id):
            return f"/retry {number} runs it again; /park on lets me go on by myself next time."
        if limit.resets_at is None or conversation_id is None:
            return f"So I do not go on by myself. /retry {number} runs it again."
        resume_at = limit.resets_at + AFTER_RESET_S
        self._history.parked.park(Parked(number, ctx.chat_id, resume_at, conversation_id))
        return f"I go on then. /stop {number} drops that."

    def is_parked(self, number: int) -> bool:
        """Return whether a run is parked."""
        return any(each.number == number for each in self._history.parked.of(None))

    def drop(self, chat_id: str | None, number: int | None = None) -> list[int]:
        """Drop a parked run of a chat, or all of them; return the numbers of those dropped."""
        dropped = []
        for each in self._history.parked.of(chat_id):
            if number in {None, each.number} and self._history.parked.take(each.number):
                self._history.end(each.number, State.STOPPED)
                dropped.append(each.number)
        return dropped

    async def ask_about(self, ctx: Context, parked: Parked) -> None:
        """Let the chat decide on a run that may have gone on after this copy of it was made."""
        if self._history.parked.take(parked.number) is not None:
            self._history.end(parked.number, State.LIMITED)
            told = f"Run {parked.number} waited for the end of a usage limit. It may have gone on "
            told += "since, as Butler's data was restored from a copy."
            await ctx.reply(f"{told} /retry {parked.number} runs it again.")

    def wait(self, ctx: Context, parked: Parked) -> None:
        """Wait in the background for the time at which a run goes on."""
        ctx.start(self._wait(ctx, parked), f"parked run {parked.number}")

    async def _wait(self, ctx: Context, parked: Parked) -> None:
        while (left_s := parked.resume_at - time.time()) > 0:
            try:
                async with asyncio.timeout(min(left_s, _LOOK_AGAIN_S)):
                    await ctx.is_last_call.wait()
            except TimeoutError:
                continue
            return  # it stays parked for the next Butler
        if self._history.parked.take(parked.number) is None:
            return
        self._history.end(parked.number, State.LIMITED)
        if time.time() - parked.resume_at > LATE_S:
            late = f"Run {parked.number} was to go on while Butler was away, too long ago."
            await self._tell(ctx, parked.number, f"{late} /retry {parked.number} runs it again.")
            return
        try:
            await self._go_on(ctx, parked)
        except UserError as error:
            await self._tell(ctx, parked.number, f"Run {parked.number} does not go on: {error}")

    async def _tell(self, ctx: Context, number: int, text: str) -> None:
        """Tell the chat of a run; if that is cut off, the next process does."""
        self._history.note_untold(number, text)
        await ctx.reply(text)
        self._history.note_told(number)
