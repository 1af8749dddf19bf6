"""What is done to a message before its handler: files fetched, speech heard, albums joined."""

import logging
from collections.abc import Iterable

from butler.access.rules import Refusal, Role
from butler.chat.message import Message, Reply
from butler.core.albums import GATHER_S, Albums, joined
from butler.core.attachments import with_files
from butler.core.commands import PASS, Answer, Pass
from butler.core.context import Context
from butler.core.gate import Hear, Ignore, Say
from butler.core.plugin import Plugin, Settings
from butler.core.router import Call
from butler.core.services import Services
from butler.core.speech import Judge, Read, Speech
from butler.errors import TransportError, UserError

logger = logging.getLogger(__name__)

UNHEARD = "Sorry, I could not listen to that: something went wrong on my side. Write it instead."


class Intake:
    """Prepares the messages that bring files or recordings, and those that confirm one.

    Args:
        services: What handlers work with.
        plugins: The enabled plugins.
        judge: Returns the verdict on a message.
        gather_s: How long more files of the same person are waited for.

    Attributes:
        albums: The files that are handled as one message.
    """

    def __init__(
        self,
        services: Services,
        plugins: Iterable[Plugin[Settings]],
        judge: Judge,
        gather_s: float = GATHER_S,
    ) -> None:
        self._services = services
        self._plugins = tuple(plugins)
        self._judge = judge
        self._speech = Speech(services, self._plugins, judge)
        self.albums = Albums(gather_s)

    def concerns(self, message: Message) -> bool:
        """Return whether a message has to be prepared."""
        return bool(message.attachments) or self._speech.is_answer(message)

    def others(self, message: Message) -> list[Message]:
        """Return the other messages of the album that begins with this one."""
        return self.albums.parts(message)[1:] if message.attachments else []

    async def prepared(self, message: Message, role: Role, verdict: Call | Say | Hear) -> Read:
        """Return a message with the text that counts, and the files that are meant for it."""
        read = Read(message, verdict)
        if isinstance(verdict, Hear):
            read = await self._understood(message, role, verdict)
        if read.message.attachments and isinstance(read.verdict, Call | Hear):
            read = Read(*await self._with_files(read.message, role, read.verdict))
        if self._services.transport.is_withdrawn(message):
            return Read(message, None)
        if read.shown and self._services.fleet is not None:
            # The reply may come from another machine, which knows nothing of it.
            await self._show(message, read.shown)
            return Read(read.message, read.verdict)
        return read

    async def _understood(self, message: Message, role: Role, verdict: Hear) -> Read:
        """Return a message as it counts: what was heard in it, or what it confirms."""
        ctx, unchanged = Context(message, role, self._services), Read(message, verdict)
        try:
            if self._speech.is_speech(ctx):
                self._services.transport.show_typing(message.chat_id, is_typing=True)
                try:
                    return await self._speech.read(ctx)
                finally:
                    self._services.transport.show_typing(message.chat_id, is_typing=False)
            if self._speech.is_answer(message):
                return await self._speech.answered(ctx) or unchanged
        except TransportError as error:
            logger.warning("a question was not asked: %s", error)
            return Read(message, None)
        except Exception:  # the boundary of a turn, as in _bounded
            logger.exception("a voice message was not transcribed")
            return Read(message, Say(UNHEARD, Refusal("not understood", "the plugin failed")))
        return unchanged

    async def _with_files(
        self, first: Message, role: Role, verdict: Call | Hear
    ) -> tuple[Message, Call | Say | Hear]:
        """Wait for the rest of an album, and fetch what is meant for a handler."""
        message = await self.albums.completed(first)
        if message.text != first.text:
            judged = self._judge(message, role)
            if isinstance(judged, Ignore | Say):
                return message, Say("", judged.refusal) if isinstance(judged, Ignore) else judged
            verdict = judged
        if not self._takes_files(message, role, verdict):
            return message, verdict
        is_withdrawn = self._services.transport.is_withdrawn
        parts = [each for each in self.albums.parts(first) if not is_withdrawn(each)]
        if parts:
            message = joined(parts)
        try:
            message = await with_files(
                self._services.transport, message, parts, self._services.file_rules
            )
        except UserError as error:
            return message, Say(str(error), Refusal("no file", str(error)))
        return message, verdict

    def _takes_files(self, message: Message, role: Role, verdict: Call | Hear) -> bool:
        if isinstance(verdict, Call):
            return verdict.command.takes_files
        ctx = Context(message, role, self._services)
        # A reply may be to what another machine has sent.
        may_be_elsewhere = self._services.fleet is not None and message.quoted_id is not None
        return may_be_elsewhere or any(plugin.takes_files(ctx) for plugin in self._plugins)

    async def _show(self, message: Message, text: str) -> None:
        try:
            await self._services.send(message.chat_id, Reply(text, answers=message))
        except TransportError as error:
            logger.warning("what was heard was not shown: %s", error)


def with_heard(shown: str, answer: Answer | Pass) -> Answer | Pass:
    """Return a reply that begins with what was heard; without a reply, that alone."""
    if not shown or answer is PASS:
        return shown or answer
    text = answer.text if isinstance(answer, Reply) else answer
    whole = f"{shown}\n\n{text}" if text else shown
    return answer._replace(text=whole) if isinstance(answer, Reply) else whole
