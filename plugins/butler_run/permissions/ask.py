"""Asks a run's questions in its chat and passes the answers to its agent."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from butler import Context, Reply, duration
from butler_run.agents import LimitedRun, Option, PermissionAsked
from butler_run.history.runs import History, State
from butler_run.permissions.questions import Question, Questions, rejection
from butler_run.runs.chat import RunChat

logger = logging.getLogger(__name__)

LIMIT_S = 600.0
"""Timeout of a question; then the answer is no."""


class PermissionPrompts:
    """Asks the questions of one run."""

    def __init__(
        self, ctx: Context, number: int, history: History, questions: Questions, chat: RunChat
    ) -> None:
        self._ctx = ctx
        self._number = number
        self._history = history
        self._questions = questions
        self._chat = chat
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Accept questions while the block runs."""
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            for result in await asyncio.gather(*self._tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    logger.error("a question of run %d failed", self._number, exc_info=result)

    def ask(self, run: LimitedRun, asked: PermissionAsked) -> None:
        """Ask the chat and pass the answer to ``run``.

        The answer is no if the chat already has the maximum number of open questions.
        """
        self._tasks.add(asyncio.create_task(self._ask(run, asked)))

    async def _ask(self, run: LimitedRun, asked: PermissionAsked) -> None:
        if self._questions.is_full(self._ctx.chat_id):
            logger.warning("run %d has too many open questions; the answer is no", self._number)
            option = rejection(asked)
            await run.answer(asked.id, None if option is None else option.id)
            return
        question = self._questions.ask(self._ctx.chat_id, self._number, self._ctx.sender, asked)
        self._history.change(self._number, State.WAITING)
        try:
            await self._put(question)
            option = await self._answer_to(question)
            await run.answer(asked.id, None if option is None else option.id)
        finally:
            self._questions.close(question)
            if not self._questions.is_any_of(self._number):
                self._history.change(self._number, State.RUNNING)

    async def _put(self, question: Question) -> None:
        if question.is_cut:
            name = f"run-{self._number}-question-{question.letter}.txt"
            await self._chat.send(Reply(question.details, file_name=name))
        message_id = await self._chat.send(Reply(question.text, answers=self._ctx.message))
        if message_id is not None:
            self._questions.note_message(question, message_id)

    async def _answer_to(self, question: Question) -> Option | None:
        """Return the chosen option; the rejecting one if nobody chooses."""
        last_call = asyncio.create_task(self._ctx.is_last_call.wait())
        either: set[asyncio.Future[Any]] = {question.answer, last_call}
        try:
            await asyncio.wait(either, timeout=LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            last_call.cancel()
        if question.answer.done():
            return question.answer.result()
        waited = "" if last_call.done() else f" within {duration(LIMIT_S)}"
        await self._chat.send(
            Reply(f"Nobody answered question {question.letter}{waited}, so the answer is no.")
        )
        return question.rejection
