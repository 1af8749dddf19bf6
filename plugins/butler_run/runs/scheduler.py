"""The runs that wait and work."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from butler import ChatNames, Context, Repo, UserError
from butler_run.catalog import Choice
from butler_run.history.runs import History, State
from butler_run.permissions.questions import Questions
from butler_run.runs.budget import Budget
from butler_run.runs.chat import RunChat
from butler_run.runs.queue import Place, Queue
from butler_run.runs.run import Run
from butler_run.settings import RunSettings
from butler_run.snapshots.working_copy import working_copy
from butler_run.text.redaction import Redactor

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Live:
    """A run that waits or works."""

    work: Run
    place: Place
    job: asyncio.Task[None]


class Scheduler:
    """Starts runs and ends them."""

    def __init__(
        self, settings: RunSettings, history: History, questions: Questions, secrets: Redactor
    ) -> None:
        self._settings = settings
        self._history = history
        self._questions = questions
        self._secrets = secrets
        self._budget = Budget(settings, history)
        self._queue = Queue(settings.max_runs)
        self._live: dict[int, _Live] = {}

    @contextmanager
    def at_rest(self, copy: Path) -> Iterator[None]:
        """Let no run begin in a working copy while the block lasts.

        Raises:
            UserError: One waits or works there.
        """
        if not self._queue.is_free(copy):
            raise UserError("A run is at work there. /stop it, or wait for its end.")
        with self._queue.closed(copy):
            yield

    def can_stop(self, chat_id: str, number: int | None) -> bool:
        """Return whether there is such a run of a chat, or any, that ``stop`` could end."""
        here = self._stoppable(chat_id)
        return bool(here) if number is None else number in here

    async def stop(self, chat_id: str, number: int | None) -> str:
        """End a run of a chat, by default the last one at work; return the reply.

        Raises:
            UserError: There is no such run.
        """
        here = self._stoppable(chat_id)
        if not here:
            return "Nothing is running in this chat."
        meant = _meant(here) if number is None else number
        live = here.pop(meant, None)
        if live is None:
            raise UserError(f"Run {meant} is not running in this chat. /runs lists them.")
        is_at_work = live.place.has_come.is_set()
        await self._end(meant, live)
        said = "is stopped; all its processes are dead." if is_at_work else "will not start."
        return f"Run {meant} {said}{_left(here) if number is None else ''}"

    async def stop_all(self, chat_id: str | None) -> str:
        """End every run of a chat, or of all chats; return the reply.

        Raises:
            UserError: A process could not be ended; all others were.
        """
        stopped = self._stoppable(chat_id)
        if not stopped:
            return f"Nothing is running{' in this chat' if chat_id else ''}."
        # Those that wait first, or they would begin where others end.
        in_order = sorted(stopped.items(), key=lambda item: item[1].place.has_come.is_set())
        ends = await asyncio.gather(
            *(self._end(number, live) for number, live in in_order), return_exceptions=True
        )
        for error in ends:
            if isinstance(error, BaseException):
                raise error
        if len(stopped) == 1:
            return f"Run {min(stopped)} is stopped; all its processes are dead."
        return f"{len(stopped)} runs are stopped; all their processes are dead."

    def _stoppable(self, chat_id: str | None) -> dict[int, _Live]:
        return {
            number: live
            for number, live in self._live.items()
            if chat_id in {None, live.place.chat_id} and not live.work.is_stopped
        }

    async def _end(self, number: int, live: _Live) -> None:
        has_begun = live.place.has_come.is_set()
        await live.work.stop()
        if not has_begun:
            live.job.cancel()
            self._history.end(number, State.STOPPED)

    async def start(self, ctx: Context, repo: Repo, prompt: str, choice: Choice) -> str | None:
        """Start a run, or queue it; return what there is to say at once.

        A message that is handled a second time starts nothing.

        Raises:
            UserError: Too many wait, a budget is used up, or the repo cannot be used.
        """
        copy = await asyncio.to_thread(working_copy, repo)
        if self._queue.waiting_of(ctx.chat_id) >= self._settings.max_queued:
            raise UserError(
                f"{self._settings.max_queued} runs of this chat wait already. "
                "/stop ends one, /runs lists them."
            )
        self._budget.check(ctx)
        number = self._history.add(ctx.message, repo.name, repo.path, choice.name, prompt)
        if number is None:
            return None
        ctx.take_over()  # a run that is noted is told of when it was cut off
        place = self.line_up(ctx, number, repo, copy, prompt, choice)
        notes = [self._queued(place, ctx.chat_names), self._budget.warning(ctx.chat_id)]
        return "\n".join(note for note in notes if note) or None

    def line_up(
        self, ctx: Context, number: int, repo: Repo, copy: Path, prompt: str, choice: Choice
    ) -> Place:
        """Let a run that is noted already wait for its turn in a working copy, and work then."""
        chat = RunChat(ctx, self._history, number, self._secrets)
        work = Run(ctx, number, prompt, repo, choice, self._history, self._questions, chat)
        place = self._queue.join(number, copy, ctx.chat_id)
        job = ctx.start(self._carry_out(ctx, work, place, repo, prompt), f"run {number}")
        self._live[number] = _Live(work, place, job)
        return place

    def _queued(self, place: Place, names: ChatNames) -> str:
        ahead = self._queue.ahead_of(place)
        if not ahead:
            return ""
        last = ahead[-1]
        where = names.called(last.chat_id)
        return (
            f"Run {place.number} is queued #{len(ahead) + 1}, after run {last.number} in {where}."
        )

    async def _carry_out(
        self, ctx: Context, work: Run, place: Place, repo: Repo, prompt: str
    ) -> None:
        state = State.QUEUED
        try:
            async with self._queue.turn(place):
                if not ctx.is_still_admitted:
                    logger.info("run %d does not begin: its sender may no longer", place.number)
                    state = State.STOPPED
                    self._history.end(place.number, state)
                    return
                state = State.CUT_OFF
                state = await work.carry_out()
        except Exception:
            state = State.FAILED
            self._history.end(place.number, state)
            await ctx.reply(f"Run {place.number} went wrong on my side. I have noted it in my log.")
            raise
        finally:
            del self._live[place.number]
            ended = State.STOPPED if work.is_stopped else state
            if ended is not State.QUEUED:  # else it goes on with the next Butler
                detail = f"run {place.number}" + (
                    f": {prompt}" if self._settings.audit_prompts else ""
                )
                ctx.audit("run", repo.name, str(ended), detail)
        await work.tell()


def _meant(live: Mapping[int, _Live]) -> int:
    """Return the number of the run that "stop" means: the last at work, else the next to begin."""
    at_work = [number for number, each in live.items() if each.place.has_come.is_set()]
    return max(at_work, default=min(live))


def _left(live: Mapping[int, _Live]) -> str:
    """Return a sentence on the runs of a chat that are left; nothing if there are none."""
    if not live:
        return ""
    number = _meant(live)
    if len(live) > 1:
        return f" {len(live)} more are left: /stop {number} ends the next, /stop all ends all."
    does = "is at work" if live[number].place.has_come.is_set() else "waits"
    return f" 1 more {does}: /stop {number}, or /stop all."
