"""Asks a run's questions in its chat and passes the answers to its agent."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from butler import ButlerError, Context, Reply, Repo, Role, duration
from butler_run.agents import LimitedRun, Mode, PermissionAsked
from butler_run.choice import Choice
from butler_run.history.past import State
from butler_run.history.runs import History
from butler_run.permissions.asking import Asking
from butler_run.permissions.details import MOST, details, wish
from butler_run.permissions.questions import Question, Questions, Way, allowance, rejection
from butler_run.permissions.standing import Scope
from butler_run.runs.chat import RunChat

logger = logging.getLogger(__name__)

LIMIT_S = 600.0
"""Timeout of a question; then the answer is no."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the chat is shown of a question; the problem ends a sentence where it cannot be."""

    text: str
    problem: str = ""


class PermissionPrompts:
    """Asks the questions of one run.

    Args:
        ctx: The message that asked for the run.
        number: The run's number.
        repo: Where it works.
        choice: Its agent.
        history: Where it is noted that the run waits.
        questions: Where its questions wait for answers.
        chat: Where its questions go.
    """

    def __init__(
        self,
        ctx: Context,
        number: int,
        repo: Repo,
        choice: Choice,
        history: History,
        questions: Questions,
        chat: RunChat,
    ) -> None:
        self._ctx = ctx
        self._number = number
        self._repo = repo
        self._choice = choice
        self._history = history
        self._questions = questions
        self._chat = chat
        self._asking = Asking(number)

    def open(self) -> AbstractAsyncContextManager[None]:
        """Accept questions while the block runs."""
        return self._asking.open()

    def ask(self, run: LimitedRun, asked: PermissionAsked) -> None:
        """Ask the chat and pass the answer to ``run``.

        The answer is no if the question cannot be shown in full.
        """
        self._asking.begin(self._ask(run, asked))

    async def _ask(self, run: LimitedRun, asked: PermissionAsked) -> None:
        allowed, rejected = allowance(asked), rejection(asked)
        if allowed is not None and self._stands(asked):
            await run.answer(asked.id, allowed.id)
            return
        shown = await asyncio.to_thread(self._shown, asked)
        if shown.problem:
            await self._chat.send(Reply(f"{self._agent} wants to {wish(asked)}, {shown.problem}"))
            await run.answer(asked.id, None if rejected is None else rejected.id)
            return
        question = self._question(asked, shown.text)
        self._questions.open(question)
        self._history.change(self._number, State.WAITING)
        try:
            with self._ctx.asking(self._number, question.code, question.rejections):
                way = await self._way_chosen(question)
            await run.answer(asked.id, None if way.option is None else way.option.id)
        finally:
            self._questions.close(question)
            if not self._questions.is_any_of(self._number):
                self._history.change(self._number, State.RUNNING)

    def _stands(self, asked: PermissionAsked) -> bool:
        """Return whether an owner allowed for always what is asked; that is noted."""
        if self._choice.wishes.mode is Mode.PLAN:
            return False
        try:
            grant = self._questions.standing.find(self._ctx.chat_id, self._repo, asked)
        except ButlerError as error:
            logger.error("run %d asks again: %s", self._number, error)
            return False
        if grant is not None:
            detail = f"run {self._number}: {asked.tool}, by grant {grant.number}"
            self._ctx.audit("run", self._repo.name, "allow always", detail)
        return grant is not None

    def _shown(self, asked: PermissionAsked) -> _Shown:
        if allowance(asked) is None:
            return _Shown("", "but offers no way to allow it only once, so the answer is no.")
        whole = details(asked)
        if len(whole) > MOST:
            many = f"{len(whole):,} characters"
            return _Shown("", f"and nobody can read that ({many}), so the answer is no.")
        secrets = self._chat.secrets
        text = secrets.without_keys(whole)
        # A shell runs any word that is a program's path, also one that looks like a line of a key.
        is_amid = any(
            secrets.without_keys(each) != each for each in (asked.command or "", wish(asked))
        )
        if text is None or is_amid:
            return _Shown("", "with a secret amid what I may not hide, so the answer is no.")
        return _Shown(text)

    def _question(self, asked: PermissionAsked, text: str) -> Question:
        is_owners = self._ctx.role is Role.OWNER
        is_plan = self._choice.wishes.mode is Mode.PLAN
        return Question(
            code=self._questions.next_code(self._number),
            chat_id=self._ctx.chat_id,
            number=self._number,
            repo=self._repo,
            requester=self._ctx.sender,
            approvers="owner" if self._choice.ceiling is Mode.PLAN else self._choice.approvers,
            agent=self._agent,
            asked=asked,
            details=text,
            scope=Scope.of(asked, self._repo) if is_owners and not is_plan else None,
            answer=asyncio.get_running_loop().create_future(),
        )

    @property
    def _agent(self) -> str:
        return self._choice.title

    async def _way_chosen(self, question: Question) -> Way:
        """Put the question; return how it is answered: with no, if nobody can be asked or is."""
        if not await self._is_put(question):
            return question.rejection
        way = await self._answer_to(question)
        if way.is_always and question.scope is not None:
            by = self._ctx.message.author
            await self._keep(question, question.scope, by)
        return way

    async def _keep(self, question: Question, scope: Scope, by: str) -> None:
        try:
            grant = self._questions.standing.add(question.chat_id, self._repo, scope, by)
        except ButlerError as error:
            await self._chat.send(
                Reply(f"I could not keep that for later, so I ask again: {error}")
            )
            return
        detail = f"run {self._number}, grant {grant.number}: {scope.what}"
        self._ctx.audit("grants", self._repo.name, "granted", detail)

    async def _is_put(self, question: Question) -> bool:
        """Send the question; return whether the chat has it, with all that belongs to it."""
        if question.is_cut:
            name = f"run-{self._number}-question-{question.code}.txt"
            if await self._chat.show(Reply(question.details, file_name=name)) is None:
                return False
        is_only_one = self._questions.is_only_one(question)
        text = question.text(is_only_one=is_only_one)
        message_id = await self._chat.show(self._chat.calling(text))
        if message_id is not None:
            self._questions.note_message(question, message_id)
        return message_id is not None

    async def _answer_to(self, question: Question) -> Way:
        """Return the way that was chosen; the one that rejects if nobody chooses."""
        last_call = asyncio.create_task(self._ctx.is_last_call.wait())
        either: set[asyncio.Future[Any]] = {question.answer, last_call}
        try:
            await asyncio.wait(either, timeout=LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            last_call.cancel()
        if question.answer.done():
            return question.answer.result()
        waited = "" if last_call.done() else f" within {duration(LIMIT_S)}"
        said = f"{question.wish}: nobody answered{waited}, so the answer is no."
        await self._chat.show(Reply(said))
        return question.rejection
