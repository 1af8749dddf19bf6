"""Asks an agent's own questions and plans in the chat and passes the answers on."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

from butler import Context, Reply, duration
from butler_run.agents import (
    Decision,
    Field,
    InputAsked,
    Label,
    LimitedRun,
    Mode,
    PlanProposed,
    Value,
)
from butler_run.choice import Choice
from butler_run.history.past import State
from butler_run.history.runs import History
from butler_run.inquiries.forms import (
    MOST_FIELDS,
    MOST_LABELS,
    Answer,
    FieldForm,
    Form,
    PlanForm,
)
from butler_run.inquiries.inquiry import Inquiry
from butler_run.permissions.asking import Asking
from butler_run.permissions.details import visible
from butler_run.permissions.questions import Questions
from butler_run.runs.chat import RunChat

MOST = 200_000
"""Maximum number of characters of a question or plan: nobody reads more."""

_NOBODY = "The user has not answered yet; do what is safe and say what you assumed."
_NOBODY_ON_PLAN = "The user has not answered yet. Do not carry it out; sum up and stop."
_UNSHOWN = "This could not be shown to the user: it is too long, or has a secret in its text."
_ONLY_PLANS = "This repo is for plans only. Do not carry it out; sum up and stop."


@dataclass(frozen=True, slots=True)
class Told:
    """Who asks what, and for how long.

    Attributes:
        ctx: The message that asked for the run.
        number: The run's number.
        choice: Its agent.
        limit_s: How long a question waits for its answer; None for ever.
    """

    ctx: Context
    number: int
    choice: Choice
    limit_s: float | None

    @property
    def agent(self) -> str:
        """The name of the agent at the start of a sentence."""
        return self.choice.name[:1].upper() + self.choice.name[1:]


class InquiryPrompts:
    """Asks the questions of one run, one after the other."""

    def __init__(self, told: Told, history: History, questions: Questions, chat: RunChat) -> None:
        self._told = told
        self._history = history
        self._questions = questions
        self._chat = chat
        self._turn = asyncio.Lock()
        self._asking = Asking(told.number)

    def open(self) -> AbstractAsyncContextManager[None]:
        """Accept questions while the block runs."""
        return self._asking.open()

    def ask(self, run: LimitedRun, asked: InputAsked | PlanProposed) -> None:
        """Ask the chat and pass the answer to ``run``."""
        asking = self._fill(run, asked) if isinstance(asked, InputAsked) else self._plan(run, asked)
        self._asking.begin(asking)

    async def _fill(self, run: LimitedRun, asked: InputAsked) -> None:
        fields = asked.fields
        if len(fields) > MOST_FIELDS or any(len(each.labels) > MOST_LABELS for each in fields):
            await self._refuse("asks more than fits into a chat, so it gets no answer.")
            await run.fill(asked.id, None, _NOBODY)
            return
        shown = await asyncio.to_thread(lambda: [self._shown_field(each) for each in fields])
        values: dict[str, Value] = {}
        for number, (field, each) in enumerate(zip(shown, fields, strict=True), start=1):
            if field is None:
                await self._refuse("asks what I cannot show in full, so it gets no answer.")
                await run.fill(asked.id, None, _UNSHOWN)
                return
            answer = await self._answer_to(FieldForm(field, number, len(fields)))
            if answer is None:
                await self._say_nobody("I told it to do what is safe and say what it assumed")
                await run.fill(asked.id, None, _NOBODY)
                return
            if answer.value is not None:
                values[each.key] = answer.value
        await run.fill(asked.id, values)

    async def _plan(self, run: LimitedRun, asked: PlanProposed) -> None:
        ceiling = self._told.choice.ceiling
        plan = await asyncio.to_thread(self._shown, asked.plan)
        if plan is None or not await self._is_sent(plan, f"run-{self._told.number}-plan.md"):
            await self._refuse("has a plan that I cannot show in full, so the answer is no.")
            await run.decide(asked.id, Decision.NO, _UNSHOWN)
            return
        shown_plan = replace(asked, plan=plan)
        if ceiling is Mode.PLAN:
            form = PlanForm(shown_plan, may_edit=False)
            shown = form.text(self._told.agent).removesuffix(form.hint)
            await self._chat.show(Reply(f"{shown}This repo is for plans only, so it ends here."))
            await run.decide(asked.id, Decision.NO, _ONLY_PLANS)
            return
        may_edit = Mode.EDITS.within(ceiling) is Mode.EDITS
        answer = await self._answer_to(PlanForm(shown_plan, may_edit))
        if answer is None:
            await self._say_nobody("the plan is not carried out")
            await run.decide(asked.id, Decision.NO, _NOBODY_ON_PLAN)
            return
        await run.decide(asked.id, answer.decision, answer.reason)

    def _shown(self, text: str) -> str | None:
        """Return a text with nothing hidden but lines of keys; None if it cannot be shown so."""
        if len(text) > MOST:
            return None
        return self._chat.secrets.without_keys(visible(text))

    def _shown_field(self, field: Field) -> Field | None:
        question = self._shown(field.question)
        labels = [self._shown_label(each) for each in field.labels]
        if question is None or None in labels:
            return None
        return replace(field, question=question, labels=tuple(each for each in labels if each))

    def _shown_label(self, label: Label) -> Label | None:
        text, description = self._shown(label.text), self._shown(label.description)
        if text is None or description is None:
            return None
        return replace(label, text=text, description=description)

    async def _is_sent(self, text: str, name: str) -> bool:
        """Send a document, unless it is empty; return whether the chat has it."""
        if not text.strip():
            return True
        return await self._chat.show(Reply(text, file_name=name)) is not None

    async def _refuse(self, why: str) -> None:
        await self._chat.send(Reply(f"{self._told.agent} {why}"))

    async def _say_nobody(self, so: str) -> None:
        is_over, limit_s = self._told.ctx.is_last_call.is_set(), self._told.limit_s
        waited = "" if is_over or limit_s is None else f" within {duration(limit_s)}"
        await self._chat.send(Reply(f"Nobody answered {self._told.agent}{waited}, so {so}."))

    async def _answer_to(self, form: Form) -> Answer | None:
        """Ask; return the answer, or None if nobody can be asked or answers in time."""
        told = self._told
        async with self._turn:
            inquiry = Inquiry(
                code=self._questions.next_code(told.number),
                chat_id=told.ctx.chat_id,
                number=told.number,
                requester=told.ctx.sender,
                approvers=told.choice.approvers,
                agent=told.agent,
                form=form,
            )
            self._questions.open(inquiry)
            self._history.change(told.number, State.ASKING)
            try:
                with told.ctx.asking(told.number, inquiry.code, (), takes_text=True):
                    return await self._answer_given(inquiry)
            finally:
                self._questions.close(inquiry)
                if not self._questions.is_any_of(told.number):
                    self._history.change(told.number, State.RUNNING)

    async def _answer_given(self, inquiry: Inquiry) -> Answer | None:
        name = f"run-{inquiry.number}-question-{inquiry.code}.txt"
        if not await self._is_sent(inquiry.form.document, name):
            return None
        text = inquiry.text(is_only_one=self._questions.is_only_one(inquiry))
        message_id = await self._chat.show(self._chat.calling(text))
        if message_id is None:
            return None
        self._questions.note_message(inquiry, message_id)
        last_call = asyncio.create_task(self._told.ctx.is_last_call.wait())
        either: set[asyncio.Future[Any]] = {inquiry.answer, last_call}
        try:
            await asyncio.wait(
                either, timeout=self._told.limit_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            last_call.cancel()
        return inquiry.answer.result() if inquiry.answer.done() else None
