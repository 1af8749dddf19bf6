"""Sends a run's messages to its chat, with secrets redacted."""

import asyncio
import logging

from butler import ButlerError, Context, Reply
from butler_run.history.runs import History
from butler_run.text.redaction import Redactor

logger = logging.getLogger(__name__)

LONG = 10_000
"""A text of more characters is searched for secrets beside the loop."""


class RunChat:
    """Sends the messages of one run.

    Output of agents is untrusted and may contain secrets, so all of it passes through here. A
    message that cannot be sent is logged; the run continues.

    Attributes:
        secrets: Redacts them.
    """

    def __init__(self, ctx: Context, history: History, number: int, secrets: Redactor) -> None:
        self._ctx = ctx
        self._history = history
        self._number = number
        self.secrets = secrets

    async def send(self, reply: Reply) -> str | None:
        """Send ``reply`` to the chat; return its id, or None if it could not be sent."""
        return await self.show(reply._replace(text=await self.fit(reply.text)))

    async def show(self, reply: Reply) -> str | None:
        """Send ``reply``, whose secrets are already hidden, see ``send``."""
        try:
            message_id = await self._ctx.send(reply)
        except ButlerError as error:
            logger.warning("run %d: cannot send a message: %s", self._number, error)
            return None
        if reply.edits is None:
            self._history.chats.note_message(self._ctx.chat_id, message_id, self._number)
        return message_id

    async def call(self, text: str) -> str | None:
        """Send what needs a person, who is mentioned so that the phone rings; see ``send``."""
        return await self.show(self.calling(await self.fit(text)))

    def calling(self, text: str) -> Reply:
        """Return a reply that needs the person who asked for the run."""
        ctx = self._ctx
        mentions = (ctx.sender,) if ctx.message.is_group else ()
        return Reply(text, answers=ctx.message, mentions=mentions)

    async def answer(self, text: str, *, is_call: bool = False) -> bool:
        """Send ``text`` in reply to the message that asked for the run; return whether it was.

        Args:
            text: The answer.
            is_call: It needs a person, see ``call``.
        """
        if is_call:
            reply = self.calling(await self.fit(text))
            return await self.show(reply._replace(waits=True)) is not None
        reply = Reply(text, answers=self._ctx.message, waits=True)
        return await self.send(reply) is not None

    async def fit(self, text: str) -> str:
        """Return ``text`` with secrets redacted."""
        if len(text) > LONG:
            return await asyncio.to_thread(self.hidden, text)
        return self.hidden(text)

    def hidden(self, text: str) -> str:
        """Return ``text`` without secrets, escapes and control characters; may take a while."""
        return self.secrets.cleaned(text)
