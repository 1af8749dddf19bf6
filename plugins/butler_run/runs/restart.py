"""What becomes of the runs of an earlier process: they are resumed, or reported to their chats."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine

from butler import ButlerError, Context, Message, Reply, Send, UserError
from butler_run.history.past import Past, Request, State
from butler_run.history.runs import History
from butler_run.permissions.answer import may_run
from butler_run.runs.choices import Choices
from butler_run.runs.scheduler import Scheduler
from butler_run.snapshots.working_copy import working_copy

logger = logging.getLogger(__name__)

Reopen = Callable[[Message], Awaitable[Context]]


class Restart:
    """Looks after the runs of an earlier process.

    What a chat has to be told is kept in the history until it was told, so a process that is
    killed in between leaves it to the next one.

    Args:
        history: The runs.
        runs: Starts those that were queued.
        choices: Chooses their agents.
        machine: The name of this machine where it works for another one, else empty.
        is_restored: Whether the history is an older copy that was put back.
    """

    def __init__(
        self,
        history: History,
        runs: Scheduler,
        choices: Choices,
        *,
        machine: str,
        is_restored: bool,
    ) -> None:
        self._history = history
        self._runs = runs
        self._choices = choices
        self._machine = machine
        self._is_restored = is_restored
        cut_off = history.cut_off(self._was_cut_off, with_queued=is_restored)
        self._untold = {run.number: (run, text) for run, text in (*cut_off, *history.untold())}

    async def go_on(self, send: Send, reopen: Reopen) -> None:
        """Resume the runs that were queued, and report the others.

        A chat that cannot be reached, as its hub is away, holds up no other chat.
        """
        by_chat: defaultdict[str, list[Coroutine[object, object, None]]] = defaultdict(list)
        for request in self._history.take_queued():
            by_chat[request.message.chat_id].append(self._resume(send, reopen, request))
        for parked in self._history.parked.of(None):
            asked = self._history.request(parked.number)
            if asked is not None and not self._history.elsewhere.has(parked.number):
                by_chat[parked.chat_id].append(self._wait(reopen, asked))
        for run, text in self._untold.values():
            by_chat[run.chat_id].append(self._report(send, run, text))
        async with asyncio.TaskGroup() as chats:
            for steps in by_chat.values():
                chats.create_task(_one_by_one(steps), name="runs of an earlier process")

    async def _resume(self, send: Send, reopen: Reopen, request: Request) -> None:
        """Queue a run again, if its sender still has permission."""
        ctx = await reopen(request.message)
        if not may_run(ctx):
            logger.info(
                "run %d is not resumed: its sender no longer has permission", request.number
            )
            self._history.end(request.number, State.CUT_OFF)
            return
        try:
            repo = await ctx.repo(request.repo)
            copy = await asyncio.to_thread(working_copy, repo)
            choice = self._choices.choose(ctx, repo, request.agent)
        except UserError as error:
            text = f"Run {request.number} was queued and cannot start: {error}"
            self._history.end(request.number, State.CUT_OFF, answer=text)
            await self._tell(send, request.number, ctx.chat_id, Reply(text, ctx.message))
            return
        self._runs.line_up(ctx, request.number, repo, copy, request.prompt, choice)

    async def _wait(self, reopen: Reopen, asked: Request) -> None:
        """Wait on for the end of a usage limit; ask instead if that may have been before."""
        ctx = await reopen(asked.message)
        for parked in self._history.parked.of(ctx.chat_id):
            if parked.number == asked.number and self._is_restored:
                await self._runs.parking.ask_about(ctx, parked)
            elif parked.number == asked.number:
                self._runs.parking.wait(ctx, parked)

    async def _report(self, send: Send, run: Past, text: str) -> None:
        if run.is_over and run.state is not State.CUT_OFF:
            text = f"{self._had_finished(run)} In case you missed its answer:\n\n{text}"
        await self._tell(send, run.number, run.chat_id, Reply(text, waits=True))

    def _had_finished(self, run: Past) -> str:
        which = f"un {run.number} in *{run.repo}* had finished when"
        if self._machine:
            return f"{self._machine} is back. R{which} it stopped."
        return f"R{which} Butler stopped."

    async def _tell(self, send: Send, number: int, chat_id: str, reply: Reply) -> None:
        try:
            await send(chat_id, reply)
        except ButlerError as error:
            logger.warning("run %d: cannot report its end: %s", number, error)
        else:
            self._history.note_told(number)

    def _was_cut_off(self, run: Past) -> str:
        stopped = f"{self._machine} is back. It" if self._machine else "Butler"
        said_so = f"{stopped} was stopped while run {run.number} was working in *{run.repo}*."
        return f"{said_so} /retry {run.number} runs it again."


async def _one_by_one(steps: list[Coroutine[object, object, None]]) -> None:
    for step in steps:
        await step
