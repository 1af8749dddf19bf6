"""The run scheduler: starts, queues and stops runs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from butler import Attachment, ChatNames, Context, DataError, Meter, Repo, UserError, listed
from butler_run.choice import Choice
from butler_run.files.run_files import RunFiles
from butler_run.history.parked import Parked
from butler_run.history.past import State
from butler_run.history.runs import History
from butler_run.permissions.questions import Questions
from butler_run.runs.budget import Budget
from butler_run.runs.chat import RunChat
from butler_run.runs.choices import Choices
from butler_run.runs.copy_locks import CopyLocks
from butler_run.runs.figures import RunFigures
from butler_run.runs.files import FilesOfRun
from butler_run.runs.parking import Parking
from butler_run.runs.queue import Place, Queue
from butler_run.runs.run import Run
from butler_run.sandbox.enclosures import Enclosures
from butler_run.settings import RunSettings
from butler_run.snapshots.of_run import RunSnapshots
from butler_run.snapshots.snapshots import SnapshotFolder
from butler_run.snapshots.working_copy import working_copy
from butler_run.text.redaction import Redactor

logger = logging.getLogger(__name__)

GO_ON = "Continue where you were stopped by the usage limit."
"""The prompt of a run that continues a parked one."""


@dataclass(frozen=True, slots=True)
class _Live:
    """A queued or active run."""

    work: Run
    place: Place
    job: asyncio.Task[None]


@dataclass(frozen=True, slots=True)
class Activity:
    """What a queued or active run does now."""

    number: int
    chat_id: str
    doing: str
    todos: list[str]


class Scheduler:
    """Starts, queues and stops runs.

    Attributes:
        parking: The runs that wait for the reset of a usage limit.
    """

    def __init__(
        self,
        settings: RunSettings,
        history: History,
        questions: Questions,
        secrets: Redactor,
        enclosures: Enclosures,
        snapshots: SnapshotFolder,
        copies: CopyLocks,
        choices: Choices,
        files: RunFiles,
        meter: Meter,
    ) -> None:
        self._settings = settings
        self._history = history
        self._questions = questions
        self._secrets = secrets
        self._enclosures = enclosures
        self._snapshots = snapshots
        self._copies = copies
        self._choices = choices
        self._files = files
        self._budget = Budget(settings, history)
        self._queue = Queue(settings.max_runs)
        self._figures = RunFigures(meter, lambda: self._queue.waiting, lambda: self._queue.active)
        self._live: dict[int, _Live] = {}
        self.parking = Parking(history, self._go_on, is_default=settings.park)

    def follow(self, settings: RunSettings) -> None:
        """Go by these settings from now on; what runs goes on as it began."""
        self._settings = settings
        self._budget.follow(settings)
        self._queue.follow(settings.max_runs)
        self.parking.is_default = settings.park

    @property
    def at_work(self) -> int:
        """The number of active runs, which an end would cut off; queued ones begin later."""
        return sum(live.place.has_begun.is_set() for live in self._live.values())

    def is_at_work_in(self, chat_id: str) -> bool:
        """Return whether a run of a chat is active here."""
        return any(live.place.has_begun.is_set() for live in self._stoppable(chat_id).values())

    def activities(self) -> list[Activity]:
        """Return what the queued and active runs do now, oldest first."""
        return [
            Activity(number, live.place.chat_id, *live.work.activity)
            for number, live in sorted(self._live.items())
        ]

    @contextmanager
    def at_rest(self, copy: Path) -> Iterator[None]:
        """Prevent runs from starting in a working copy while the block runs.

        Raises:
            UserError: A run is queued or active there.
        """
        if not self._queue.is_free(copy):
            raise UserError("A run is in progress there. /stop it, or wait for its end.")
        with self._queue.closed(copy), self._copies.held_at_once(copy):
            yield

    def can_stop(self, chat_id: str | None, number: int | None) -> bool:
        """Return whether a chat has this run, or any run, that ``stop`` could end."""
        here = self._stoppable(chat_id)
        if number is None:
            return bool(here)
        return number in here or number in {
            each.number for each in self._history.parked.of(chat_id)
        }

    def can_stop_any(self, chat_id: str | None) -> bool:
        """Return whether a chat, or with None any chat, has a run that ``stop_all`` could end."""
        return bool(self._stoppable(chat_id) or self._history.parked.of(chat_id))

    async def stop(self, chat_id: str | None, number: int | None) -> str:
        """Stop a run of a chat (default: the latest active one); return the reply.

        With None the run may be of any chat, which gets the answer itself.

        Raises:
            UserError: There is no such run.
        """
        here = self._stoppable(chat_id)
        if number is not None and number not in here and self.parking.drop(chat_id, number):
            return f"Run {number} will not go on."
        if not here:
            parked = [
                f" Run {each.number} is parked: /stop {each.number} drops it."
                for each in self._history.parked.of(chat_id)
            ]
            return _nothing(chat_id) + "".join(parked[:1])
        meant = _meant(here) if number is None else number
        live = here.pop(meant, None)
        if live is None:
            raise UserError(f"Run {meant} is not running in this chat. /runs lists them.")
        is_at_work = live.place.has_begun.is_set()
        left = _left(here) if number is None else ""
        await self._end(meant, live)
        if not is_at_work:
            return f"Run {meant} will not start.{left}"
        if chat_id is None:
            return f"Run {meant} was stopped."
        return f"{await _stopped(meant, live)}{left}"

    async def stop_all(self, chat_id: str | None) -> str:
        """Stop every run of a chat, or of all chats; return the reply.

        Raises:
            UserError: A process could not be ended; all others were.
        """
        stopped, dropped = self._stoppable(chat_id), self.parking.drop(chat_id)
        if not stopped and dropped:
            return f"{_numbered(dropped)} will not go on."
        if not stopped:
            return _nothing(chat_id)
        # Queued runs first, or they would start as others end.
        in_order = sorted(stopped.items(), key=lambda item: item[1].place.has_begun.is_set())
        ends = await asyncio.gather(
            *(self._end(number, live) for number, live in in_order), return_exceptions=True
        )
        for error in ends:
            if isinstance(error, BaseException):
                raise error
        said = [
            await _stopped(number, live)
            for number, live in stopped.items()
            if live.place.has_begun.is_set() and chat_id is not None
        ]
        if len(stopped) == 1:
            return said[0] if said else f"Run {min(stopped)} was stopped."
        return "\n\n".join([f"{len(stopped)} runs were stopped.", *said])

    def _stoppable(self, chat_id: str | None) -> dict[int, _Live]:
        return {
            number: live
            for number, live in self._live.items()
            if chat_id in {None, live.place.chat_id} and not live.work.is_stopped
        }

    async def _end(self, number: int, live: _Live) -> None:
        has_begun = live.place.has_begun.is_set()
        await live.work.stop()
        if not has_begun:
            live.job.cancel()
            self._history.end(number, State.STOPPED)

    async def start(
        self,
        ctx: Context,
        repo: Repo,
        prompt: str,
        choice: Choice,
        continued: Parked | None = None,
        files: Sequence[Attachment] = (),
    ) -> str | None:
        """Start or queue a run; return the immediate reply.

        A message that is handled again starts nothing.

        Raises:
            UserError: The queue is full, a budget is used up, the repo cannot be used, or nothing
                can be recorded.
        """
        ctx.check_recordable()
        self._questions.note_time(ctx.message.time)
        copy = await asyncio.to_thread(working_copy, repo)
        await asyncio.to_thread(self._enclosures.check, repo, choice.boundary)
        if self._queue.waiting_of(ctx.chat_id) >= self._settings.max_queued:
            raise UserError(
                f"{self._settings.max_queued} runs of this chat are already queued. "
                "/stop ends one, /runs lists them."
            )
        self._budget.check(ctx)
        if files:
            await asyncio.to_thread(self._files.receive, ctx.message, files)
        number = await ctx.next_number(self._history.highest)
        number = self._history.add(
            *(ctx.message, repo.name, repo.path, choice.name, prompt, number),
            continued=None if continued is None else continued.number,
        )
        if number is None:
            return None
        ctx.take_over()  # the history reports an interrupted run at the next start
        place = self.line_up(ctx, number, repo, copy, prompt, choice, continued)
        notes = [self._queued(place, ctx.chat_names), self._budget.warning(ctx.chat_id)]
        return "\n".join(note for note in notes if note) or None

    async def _go_on(self, ctx: Context, parked: Parked) -> None:
        """Start the run that continues a parked one, in the same conversation."""
        request = self._history.request(parked.number)
        if request is None or not await ctx.is_still_admitted():
            return
        repo = await ctx.repo(request.repo)
        choice = self._choices.choose(ctx, repo, request.agent)
        note = await self.start(ctx, repo, GO_ON, choice, parked)
        await ctx.reply(f"Run {parked.number} goes on." + (f" {note}" if note else ""))

    def line_up(
        self,
        ctx: Context,
        number: int,
        repo: Repo,
        copy: Path,
        prompt: str,
        choice: Choice,
        continued: Parked | None = None,
    ) -> Place:
        """Queue a recorded run for its working copy."""
        chat = RunChat(ctx, self._history, number, self._secrets)
        files = FilesOfRun(self._files, number, ctx.message)
        enclosure = self._enclosures.of_run(
            repo, copy, choice.boundary.with_folders(files.inbox, files.outbox)
        )
        snapshots = RunSnapshots(repo, number, self._snapshots)
        work = Run(
            *(ctx, number, prompt, repo, choice, enclosure),
            *(self._history, self._questions, chat, snapshots, self._settings.question_limit),
            *(files, self.parking, continued),
        )
        place = self._queue.join(number, copy, ctx.chat_id)
        work_on = self._carry_out(ctx, work, place, repo, prompt)
        job = ctx.start(work_on, f"run {number}", number=number)
        self._live[number] = _Live(work, place, job)
        return place

    def _queued(self, place: Place, names: ChatNames) -> str:
        ahead = self._queue.ahead_of(place)
        if not ahead:
            holder = self._copies.holder(place.folder)
            at_work = f"{holder} is at work in {place.folder.name}"
            return f"Run {place.number} is queued: {at_work}." if holder else ""
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
            async with self._turn(place):
                if not await ctx.is_still_admitted():
                    logger.info(
                        "run %d does not start: its sender no longer has permission", place.number
                    )
                    state = State.STOPPED
                    self._history.end(place.number, state)
                    return
                state = State.CUT_OFF
                state = await work.carry_out()
        except DataError as error:
            logger.error("run %d does not start: %s", place.number, error)
            state = State.FAILED
            await self._fail(ctx, place.number, _unrecorded(place.number, error))
            return
        except Exception:
            state = State.FAILED
            failed = f"Run {place.number} failed on my side. The log has the details."
            await self._fail(ctx, place.number, failed)
            raise
        finally:
            del self._live[place.number]
            self._figures.note(lambda: self._history.run(place.number, ctx.chat_id))
            ended = State.STOPPED if work.is_stopped else state
            if ended is not State.QUEUED:  # else it goes on with the next Butler
                self._audit(ctx, place.number, repo, prompt, ended)
        await work.tell()
        for parked in self._history.parked.of(ctx.chat_id):
            if parked.number == place.number:
                self.parking.wait(ctx, parked)
        await work.tidy_up()

    @asynccontextmanager
    async def _turn(self, place: Place) -> AsyncIterator[None]:
        """Wait until nothing else is at work in the folder, in this process or another one."""

        def may_try() -> bool:
            return not self._history.elsewhere.has_earlier(place.number)

        held = self._copies.held(place.folder, may_try, self._queue.aside(place))
        async with self._queue.turn(place), held:
            place.has_begun.set()
            yield

    def _audit(self, ctx: Context, number: int, repo: Repo, prompt: str, ended: State) -> None:
        detail = f": {prompt}" if self._settings.audit_prompts else ""
        ctx.audit("run", repo.name, str(ended), f"run {number}{detail}")

    async def _fail(self, ctx: Context, number: int, text: str) -> None:
        """Tell the chat of a failed run; if that is cut off, the next process does."""
        self._history.end(number, State.FAILED, answer=text)
        await ctx.reply(text)
        self._history.note_told(number)


def _nothing(chat_id: str | None) -> str:
    return f"Nothing is running{' in this chat' if chat_id else ''}."


def _numbered(numbers: Sequence[int]) -> str:
    return f"Run {numbers[0]}" if len(numbers) == 1 else f"Runs {listed(map(str, numbers))}"


def _unrecorded(number: int, error: DataError) -> str:
    why = f"its start cannot be recorded: {error.reason}"
    return f"Run {number} did not start, as {why}. /retry {number} runs it again."


async def _stopped(number: int, live: _Live) -> str:
    return await live.work.take_answer() or f"Run {number} was stopped, its processes have ended."


def _meant(live: Mapping[int, _Live]) -> int:
    """Return the number of the run that "stop" means: the last at work, else the next to begin."""
    at_work = [number for number, each in live.items() if each.place.has_begun.is_set()]
    return max(at_work, default=min(live))


def _left(live: Mapping[int, _Live]) -> str:
    """Return a sentence on the runs of a chat that are left; nothing if there are none."""
    if not live:
        return ""
    number = _meant(live)
    if len(live) > 1:
        return f" {len(live)} more are left: /stop {number} ends the next, /stop all ends all."
    does = "is at work" if live[number].place.has_begun.is_set() else "waits"
    return f" 1 more {does}: /stop {number}, or /stop all."
