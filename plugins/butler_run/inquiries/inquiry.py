"""An open question or plan of an agent."""

import asyncio
from dataclasses import dataclass, field

from butler import Person
from butler_run.inquiries.forms import Answer, Form
from butler_run.settings import Approvers


@dataclass(frozen=True, slots=True, eq=False)
class Inquiry:
    """A question or plan that waits for an answer.

    Attributes:
        code: Distinguishes it from all other questions, including later ones.
        chat_id: The chat in which it is asked.
        number: The number of the run.
        requester: The person who started the run.
        approvers: Who may answer it, in addition to owners.
        agent: The name of the agent in the chat.
        form: What is asked.
        answer: Receives the answer.
    """

    code: str
    chat_id: str
    number: int
    requester: Person
    approvers: Approvers
    agent: str
    form: Form
    answer: "asyncio.Future[Answer]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def text(self, *, is_only_one: bool) -> str:
        """Return the question for the chat, with its code where another one is open."""
        note = "" if is_only_one else f"\n(question {self.code}, as in: {self.code} your answer)"
        return self.form.text(self.agent) + note
