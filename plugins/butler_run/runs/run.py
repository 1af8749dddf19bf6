"""A run, from its turn in the queue to its answer."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from butler import Context, DataError, Reply, Repo, UserError, duration
from butler_run.agents import (
    CommandsAnnounced,
    ConversationLostError,
    Delayed,
    Event,
    InputAsked,
    LimitedRun,
    Notice,
    PermissionAsked,
    PlanProposed,
    Tasks,
    Text,
    Todos,
    Tool,
    Wishes,
)
from butler_run.agents.complaints import with_clock_times
from butler_run.choice import Choice
from butler_run.history.parked import Parked
from butler_run.history.past import State
from butler_run.history.runs import History
from butler_run.inquiries.prompts import InquiryPrompts, Told
from butler_run.permissions.ask import PermissionPrompts
from butler_run.permissions.questions import Questions
from butler_run.runs.chat import RunChat
from butler_run.runs.files import HOW_TO_SEND, FilesOfRun
from butler_run.runs.instructions import instructions
from butler_run.runs.kept_conversation import KeptConversation
from butler_run.runs.outcome import Outcome, Said
from butler_run.runs.output import Output
from butler_run.runs.parking import Parking
from butler_run.runs.progress import Progress
from butler_run.runs.resuming import how_to_resume, is_open_elsewhere
from butler_run.sandbox.enclosures import RunEnclosure
from butler_run.snapshots.of_run import RunSnapshots

logger = logging.getLogger(__name__)

TRACE = "BUTLER_TRACE"
"""The variable by which an agent knows the message that it works for, as the log names it."""

LAST_EVENTS_S = 5.0
"""How long a run may take to end once all its processes are dead."""

STATUS_LIMIT_S = 1.0
"""How long an answer waits for the status to show the end."""

STOPPED_LIMIT_S = 5.0
"""How long an answer to a stop waits for what the run has changed."""


NEEDING_A_PERSON = frozenset({State.FAILED, State.LIMITED})
"""The ends after which somebody has to do something."""

_GIT = re.compile(r"\bgit\b")


class Run:
    """An active run.

    Args:
        ctx: The message that asked for it.
        number: The run's number.
        prompt: What to do.
        repo: Where.
        choice: The agent, and how it runs here.
        enclosure: What stands around its processes.
        history: Where it is noted.
        questions: Where the agent's questions wait for answers.
        chat: Where its messages go.
        snapshots: Keeps the working copy.
        question_limit_s: How long the agent's own questions wait for answers; None for ever.
        files: What it gets, and what it sends.
        parking: Lets it go on after a usage limit.
        continued: The run that it continues, if any.

    Attributes:
        is_stopped: Somebody asked for its end.
    """

    def __init__(
        self,
        ctx: Context,
        number: int,
        prompt: str,
        repo: Repo,
        choice: Choice,
        enclosure: RunEnclosure,
        history: History,
        questions: Questions,
        chat: RunChat,
        snapshots: RunSnapshots,
        question_limit_s: float | None,
        files: FilesOfRun,
        parking: Parking,
        continued: Parked | None,
    ) -> None:
        self._ctx = ctx
        self._number = number
        self._prompt = prompt
        self._repo = repo
        self._choice = choice
        self._enclosure = enclosure
        self._history = history
        self._chat = chat
        self._prompts = PermissionPrompts(ctx, number, repo, choice, history, questions, chat)
        self._files = files
        self._parking = parking
        self._continued = continued
        told = Told(ctx, number, choice, question_limit_s)
        self._inquiries = InquiryPrompts(told, history, questions, chat)
        self._snapshots = snapshots
        self._used_git = choice.is_program
        key = ctx.chat_id, repo.name, choice.name
        self._conversation = KeptConversation(history.chats, key)
        self._outcome = self._nothing_yet()
        self._said = Said("", is_all=True)
        self._run: LimitedRun | None = None
        self._until: asyncio.Timeout | None = None
        self._has_no_process = asyncio.Event()
        self._has_no_process.set()
        self.is_stopped = False
        self._has_ended = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._is_taken = False
        where = f"*{repo.name}*{ctx.on_machine}"
        self._progress = Progress(chat, f"Run {number} started in {where} ({choice.label})")

    @property
    def activity(self) -> tuple[str, list[str]]:
        """What the agent does now, and its to-do list, without secrets."""
        doing, todos = self._progress.activity
        return self._chat.hidden(doing), [self._chat.hidden(each) for each in todos]

    async def stop(self) -> None:
        """End the run and all its processes; return once they are dead and none can follow.

        Raises:
            AgentError: A process could not be ended.
        """
        self._progress.show("being stopped")
        self.is_stopped = True
        if self._run is not None:
            await self._run.cancel()
            self._expect_the_end()
        await self._has_no_process.wait()

    def _expect_the_end(self) -> None:
        """Bound the time in which the protocol may still wait for something: all is dead."""
        if self._until is not None and not self._has_no_process.is_set():
            self._until.reschedule(asyncio.get_running_loop().time() + LAST_EVENTS_S)

    async def take_answer(self) -> str | None:
        """Return the answer for who stopped the run, so that ``tell`` does not send it, too.

        None if the run takes its time to end; then ``tell`` sends it.
        """
        self._is_taken = True
        with suppress(TimeoutError):
            async with asyncio.timeout(STOPPED_LIMIT_S):
                await self._has_ended.wait()
        self._is_taken = self._has_ended.is_set() and bool(self._said.text)
        return self._said.text if self._is_taken else None

    async def carry_out(self) -> State:
        """Run the agent and return the final state; ``tell`` notifies the chat.

        Raises:
            DataError: The run has not begun, as that cannot be recorded.
        """
        try:
            return await self._carried_out()
        finally:
            self._has_ended.set()

    async def _carried_out(self) -> State:
        self._history.begin(self._number)
        clock = asyncio.get_running_loop().time
        async with self._typing(), self._progress.kept_up_to_date():
            await self._kept(self._snapshots.begin())
            self._history.note_before(self._number, self._snapshots.before)
            begun_at = clock()
            await self._run_agent()
            await self._files.end(self._outcome.pictures, self._chat)
            elapsed = duration(clock() - begun_at)
            await self._kept(self._snapshots.end(used_git=self._used_git))
        state, outcome, after_limit = self._state(), self._outcome, ""
        self._note_cost()
        if state is State.LIMITED:
            after_limit = self._after_limit()
            state = State.PARKED if self._parking.is_parked(self._number) else state
        self._said = await self._answered(elapsed, after_limit)
        self._history.end(
            *(self._number, state, self._snapshots.after, outcome.usage, outcome.conversation_id),
            answer=self._said.text,
        )
        where = f"*{self._repo.name}*{self._ctx.on_machine}"
        self._has_ended.set()
        await self._show_the_end(f"Run {self._number} in {where}: {state}, {elapsed}.")
        return state

    async def _show_the_end(self, text: str) -> None:
        """Show the end in the status; what waits for this does so no longer than a moment.

        An edit may have to wait for the chat's rate limit, and the answer goes before it.
        """
        self._ending = asyncio.create_task(self._progress.end(text), name="end of status")
        await asyncio.wait([self._ending], timeout=STATUS_LIMIT_S)

    def _note_cost(self) -> None:
        """Note the size and cost of the conversation; the run is left with its own cost."""
        outcome = self._outcome
        if outcome.usage is not None and outcome.conversation_id is not None:
            cost = self._history.contexts.note(outcome.conversation_id, outcome.usage)
            outcome.usage = replace(outcome.usage, cost_usd=cost)

    def _after_limit(self) -> str:
        """Park the run if that is wanted; return what the chat is told."""
        finished, conversation_id = self._outcome.finished, self._outcome.conversation_id
        if self._continued is not None or finished is None or finished.limit is None:
            return f"/retry {self._number} runs it again."
        return self._parking.offer(self._ctx, self._number, finished.limit, conversation_id)

    async def _kept(self, snapshot: Awaitable[None]) -> None:
        """Wait for a snapshot, which is slow with many untracked files."""
        self._show("taking a snapshot")
        await snapshot
        self._show("")

    async def tidy_up(self) -> None:
        """Show the end if that had to wait, and remove what is kept of runs long past."""
        if self._ending is not None:
            await self._ending
        await self._snapshots.prune()
        await self._files.tidy_up()

    async def tell(self) -> None:
        """Send the answer, with a document if it is long."""
        if self._is_taken or await self._chat.answer(
            self._said.text, is_call=self._state() in NEEDING_A_PERSON
        ):
            self._history.note_told(self._number)
        if not self._said.is_all:
            name = f"run-{self._number}.md"
            full = await asyncio.to_thread(self._outcome.answer.full)
            await self._chat.send(
                Reply(f"{full}{self._in_a_terminal()}", file_name=name, waits=True)
            )
        for each in self._outcome.attached:
            await self._chat.send(Reply(each.text, file_name=each.name, waits=True))
        await self._files.send(self._chat)

    async def _answered(self, elapsed: str, after_limit: str) -> Said:
        outcome, footer = self._outcome, await self._summed_up(elapsed)
        outcome.drop_error()
        trouble = outcome.trouble(
            self._number,
            is_stopped=self.is_stopped,
            has_compact=self._has_compact(),
            after_limit=after_limit,
        )
        beside = [
            each
            for each in (trouble, *self._enclosure.notes, *outcome.notes(), *self._files.notes)
            if each
        ]
        room = len("\n\n".join(["", *beside, footer]))
        shown, is_all = await asyncio.to_thread(outcome.answer.shown, room)
        parts = [part for part in (with_clock_times(shown), *beside) if part]
        if not parts and not self.is_stopped:
            parts = ["The agent said nothing."]
        return Said(await self._chat.fit("\n\n".join([*parts, footer])), is_all)

    def _has_compact(self) -> bool:
        announced = self._history.slash_commands.of(self._repo.name, self._choice.name) or ()
        return any(each.name == "compact" for each in announced)

    def _in_a_terminal(self) -> str:
        conversation_id = self._outcome.conversation_id
        line = how_to_resume(self._choice, conversation_id) if conversation_id else ""
        return (
            f"\n\n---\nTo go on in a terminal, in the folder of the repo: `{line}`" if line else ""
        )

    @asynccontextmanager
    async def _typing(self) -> AsyncIterator[None]:
        self._ctx.show_typing(is_typing=True)
        try:
            yield
        finally:
            self._ctx.show_typing(is_typing=False)

    async def _run_agent(self) -> None:
        try:
            await self._files.begin()
            kept_id = self._conversation.read()
            continued_id = self._continued and self._continued.conversation_id
            await self._converse(continued_id or kept_id)
        except ConversationLostError as error:
            if said := self._conversation.lose(error):
                await self._chat.send(Reply(said))
            self._outcome = self._nothing_yet()
            await self._start_afresh()
        except UserError as error:
            self._outcome.problem = str(error)
        except DataError as error:
            self._outcome.problem = f"The history of runs cannot be read: {error.reason}."

    def _nothing_yet(self) -> Outcome:
        return Outcome(Output(is_output=self._choice.is_program, hide=self._chat.hidden))

    async def _start_afresh(self) -> None:
        try:
            await self._converse(None)
        except UserError as error:
            self._outcome.problem = str(error)

    async def _converse(self, conversation_id: str | None) -> None:
        if self.is_stopped:
            return
        self._has_no_process.clear()
        try:
            async with asyncio.timeout(None) as self._until:
                await self._work_with_agent(conversation_id)
        except TimeoutError:
            if self._until is None or not self._until.expired():
                raise
            logger.warning("run %d left an agent behind that says nothing", self._number)
        finally:
            self._has_no_process.set()
        self._conversation.keep(self._outcome.reason, self._outcome.conversation_id)

    async def _work_with_agent(self, conversation_id: str | None) -> None:
        is_told = conversation_id is not None or self._repo.is_trusted
        told = "" if is_told else await asyncio.to_thread(instructions, self._repo.path)
        if conversation_id is None:
            told = "\n\n".join(filter(None, (told, HOW_TO_SEND)))
        wishes = await self._wishes(conversation_id)
        starting = self._choice.agent.start(
            self._files.prompt(self._prompt),
            folder=self._repo.path,
            environment=self._environment,
            conversation_id=conversation_id,
            wishes=wishes,
            instructions=told,
            files=self._files.for_prompt,
            enclosure=self._enclosure,
        )
        async with starting as run, self._prompts.open(), self._inquiries.open():
            self._run = LimitedRun(run, self._choice.limits)
            if self.is_stopped:
                await self._run.cancel()
            async for event in self._run:
                self._note(event)
                match event:
                    case PermissionAsked():
                        self._prompts.ask(self._run, event)
                    case InputAsked() | PlanProposed():
                        self._inquiries.ask(self._run, event)
                    case Notice():
                        await self._chat.send(Reply(event.text))

    @property
    def _environment(self) -> dict[str, str]:
        trace = {TRACE: self._ctx.message.trace}
        return {**self._choice.environment, **trace, **self._files.environment}

    async def _wishes(self, conversation_id: str | None) -> Wishes:
        """Return the wishes; a conversation that may be open elsewhere is continued in a copy."""
        wishes, key = self._choice.wishes, self._conversation.key
        if conversation_id is None:
            return wishes
        is_open = await asyncio.to_thread(is_open_elsewhere, self._choice, conversation_id)
        if is_open:
            text = "This conversation is open in another program, so I go on in a copy of it."
            await self._chat.send(Reply(text))
        is_to_fork = is_open or self._history.forks.is_to_fork(*key, conversation_id)
        return replace(wishes, is_forked=is_to_fork)

    def _note(self, event: Event) -> None:
        self._outcome.note(event)
        match event:
            case CommandsAnnounced():
                announced = self._repo.name, self._choice.name, event.commands
                self._history.slash_commands.keep(*announced)
            case Text():
                self._show("writing")
            case Tool(is_finished=False):
                self._used_git = self._used_git or bool(_GIT.search(event.title))
                self._show(event.title)
            case Todos():
                self._progress.list_todos(event.items)
            case Tasks():
                self._progress.count_tasks(event)
            case Delayed():
                self._show(event.reason)
            case PermissionAsked() | InputAsked() | PlanProposed():
                self._show("waiting for an answer")
            case _:
                pass

    def _show(self, doing: str) -> None:
        if not self.is_stopped:
            self._progress.show(doing)

    def _state(self) -> State:
        return self._outcome.state(is_stopped=self.is_stopped)

    async def _summed_up(self, elapsed: str) -> str:
        changes = await self._snapshots.changes()
        if self.is_stopped:
            return f"Run {self._number} stopped after {elapsed}. {_sentence(changes)}".strip()
        parts = [*changes, elapsed]
        if self._conversation.is_replaced_again:
            parts.append("a new conversation")
        usage = self._outcome.usage
        if usage is not None and usage.cost_usd is not None:
            parts.append(f"${usage.cost_usd:.2f}")
        return " · ".join(parts)


def _sentence(changes: list[str]) -> str:
    """Return a summary of changes as a sentence, without a full stop after a command."""
    text = " · ".join(changes)
    end = "" if "/" in text else "."
    return f"{text[:1].upper()}{text[1:]}{end}" if text else ""
