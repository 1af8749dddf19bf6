"""The progress message of a run, edited in place."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from butler import Reply, duration
from butler_run.agents import Tasks, Todo, TodoState
from butler_run.runs.chat import RunChat
from butler_run.text.plain import in_one_line

EDIT_EVERY_S = 5.0
EDIT_WINDOW_S = 14 * 60.0
"""WhatsApp takes edits for 15 minutes."""

TYPICAL_INTERVALS = ((60.0, 5.0), (300.0, 15.0))
SLOWEST_INTERVAL_S = 30.0

MOST_TODOS = 8
"""The lines of a to-do list."""

_TODO_LENGTH = 80


class Progress:
    """Shows ``text`` in the chat and keeps it up to date while the block lasts.

    A change shows at once, but never sooner than five seconds after the one before; without one,
    the seconds are brought up to date every five, later every thirty seconds. Before the time in
    which WhatsApp takes edits is over, a new message takes the place of the old one.
    """

    def __init__(
        self, chat: RunChat, head: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._chat = chat
        self._head = head
        self._clock = clock
        self._begun_at = clock()
        self._sent_at = self._begun_at
        self._edited_at = self._begun_at
        self._doing = ""
        self._todos: tuple[Todo, ...] = ()
        self._tasks = Tasks(0, ())
        self._message_id: str | None = None
        self._changed = asyncio.Event()

    @property
    def activity(self) -> tuple[str, list[str]]:
        """What the agent does now, and its to-do list."""
        return self._doing, _listed(self._todos)

    def show(self, doing: str) -> None:
        """Show the agent's current activity."""
        if doing != self._doing:
            self._doing = doing
            self._changed.set()

    def list_todos(self, items: tuple[Todo, ...]) -> None:
        """Show the agent's to-do list."""
        if items != self._todos:
            self._todos = items
            self._changed.set()

    def count_tasks(self, tasks: Tasks) -> None:
        """Show how much works beside the agent."""
        if tasks != self._tasks:
            self._tasks = tasks
            self._changed.set()

    @asynccontextmanager
    async def kept_up_to_date(self) -> AsyncIterator[None]:
        """Send the message and keep editing it until the block is left; then show the result."""
        self._begun_at = self._clock()
        await self._send()
        editing = asyncio.create_task(self._edit_forever(), name="status")
        try:
            yield
        finally:
            editing.cancel()
            await asyncio.wait([editing])

    async def end(self, text: str) -> None:
        """Replace the message by the result."""
        await self._chat.send(Reply(text, edits=self._message_id))

    async def _edit_forever(self) -> None:
        while True:
            await self._wait_for_a_reason()
            self._changed.clear()
            if self._message_id is None or self._clock() - self._sent_at > EDIT_WINDOW_S:
                await self._send()
            else:
                self._edited_at = self._clock()
                await self._chat.send(Reply(self._text(), edits=self._message_id))

    async def _wait_for_a_reason(self) -> None:
        try:
            async with asyncio.timeout(self._interval_s()):
                await self._changed.wait()
        except TimeoutError:
            return
        await asyncio.sleep(self._edited_at + EDIT_EVERY_S - self._clock())

    async def _send(self) -> None:
        self._sent_at = self._edited_at = self._clock()
        self._message_id = await self._chat.send(Reply(self._text()))

    def _interval_s(self) -> float:
        elapsed_s = self._clock() - self._begun_at
        return next((s for until, s in TYPICAL_INTERVALS if elapsed_s < until), SLOWEST_INTERVAL_S)

    def _text(self) -> str:
        elapsed_s = self._clock() - self._begun_at
        elapsed = duration(elapsed_s) if elapsed_s >= 1 else ""
        status = [self._head, elapsed, self._doing, *_counted(self._tasks)]
        return "\n".join([" · ".join(filter(None, status)), *_listed(self._todos)])


def _counted(tasks: Tasks) -> Iterator[str]:
    agents, commands = tasks.sub_agents, len(tasks.background)
    if agents:
        yield f"{agents} sub-agent{'s' if agents > 1 else ''}"
    if commands:
        yield f"{commands} in the background"


def _listed(todos: tuple[Todo, ...]) -> list[str]:
    """Return the to-do list in few lines: around what is in progress."""
    if len(todos) <= MOST_TODOS:
        return [_todo(each) for each in todos]
    done = sum(each.state is TodoState.COMPLETED for each in todos)
    unfinished = (n for n, each in enumerate(todos) if each.state is not TodoState.COMPLETED)
    begin = max(0, min(next(unfinished, 0) - 1, len(todos) - MOST_TODOS + 1))
    shown = [_todo(each) for each in todos[begin : begin + MOST_TODOS - 1]]
    return [*shown, f"({done} of {len(todos)} done)"]


def _todo(todo: Todo) -> str:
    text = in_one_line(todo.text, _TODO_LENGTH)
    if todo.state is TodoState.IN_PROGRESS:
        return f"▢ *{text}*"
    return f"{'▣' if todo.state is TodoState.COMPLETED else '▢'} {text}"
