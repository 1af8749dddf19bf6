"""Voice messages: they count as the text that was heard in them."""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from butler.access.rules import USER, Refusal, Role
from butler.chat.answer import said
from butler.chat.message import Message
from butler.chat.text import duration
from butler.core.attachments import FileRules, with_files
from butler.core.context import Context
from butler.core.gate import Hear, Ignore, Say, Verdict
from butler.core.plugin import Plugin, Settings
from butler.core.router import Call
from butler.core.services import Services
from butler.errors import UserError

MAX_SPEECH_S = 300.0
MAX_SPEECH_BYTES = 4_000_000
"""Of five minutes in the best quality that phones record."""

ASKED_FOR_S = 600.0
"""How long a question about what was heard waits for its answer."""

MAX_QUESTIONS = 1_000
VOICE = "voice message"

_SLASH = re.compile(r"slash[\s,]+(?=[a-z])", re.IGNORECASE)
_MARKS = str.maketrans({"_": "\N{FULLWIDTH LOW LINE}", "\n": " "})
_PUNCTUATION = " .,!?…"
_NO_WORDS = "I could not make out any words. Say it again, or write it."
_DROPPED = "Then I do nothing."

Judge = Callable[[Message, Role], Verdict]


@dataclass(frozen=True, slots=True)
class Read:
    """What a message turned out to be.

    Attributes:
        message: With the text that counts.
        verdict: What is done with it; None if nothing more is.
        shown: What was heard, for the reply; empty if it is known already.
    """

    message: Message
    verdict: Call | Say | Hear | None
    shown: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    """What was heard and waits for a yes, and the id of the message that asks."""

    text: str
    id: str
    asked_at: float


class Speech:
    """Reads voice messages, and asks before what was heard acts.

    Args:
        services: What handlers work with.
        plugins: The enabled plugins; the first one that transcribes does it.
        judge: Returns the verdict on a message.
    """

    def __init__(
        self, services: Services, plugins: Iterable[Plugin[Settings]], judge: Judge
    ) -> None:
        self._services = services
        self._plugins = tuple(plugins)
        self._transcriber = next((each for each in self._plugins if each.transcribes), None)
        self._judge = judge
        self._questions: dict[tuple[str, str], _Question] = {}

    def is_speech(self, ctx: Context) -> bool:
        """Return whether a message is spoken, and to the bot."""
        message = ctx.message
        kinds = [each.kind for each in message.attachments]
        if self._transcriber is None or kinds != [VOICE] or ctx.role < USER:
            return False
        is_reply = self._open(message) is not None and self._is_about_it(message)
        return is_reply or not message.is_group or self._is_prompt(ctx)

    def is_answer(self, message: Message) -> bool:
        """Return whether a message may answer a question about what was heard."""
        return bool(self._questions) and self._open(message) is not None

    async def read(self, ctx: Context) -> Read:
        """Return what a voice message says; ask first if it would act."""
        message = ctx.message
        try:
            text = await self._heard(message)
        except UserError as error:
            return Read(message, Say(str(error), Refusal("not understood", str(error))))
        return await self._judged(ctx, self._as_written(text), text)

    async def answered(self, ctx: Context) -> Read | None:
        """Return what is to be done after an answer; None if it is not one."""
        message, question = ctx.message, self._open(ctx.message)
        answer = said(message.text, is_reaction=message.is_reaction)
        is_about_it = self._is_about_it(message)
        if question is None or not (is_about_it or self._may_be_about_it(ctx)):
            return None
        word = answer.word if answer is not None else None
        if word == "no":
            self._forget(message)
            return Read(message, Say(_DROPPED, Refusal("answered", "no to what was heard")))
        if word == "yes" or (is_about_it and not message.is_reaction and message.text.strip()):
            self._forget(message)
            text = question.text if word == "yes" else message.text
            return self._acted(_addressed(message, text), ctx.role)
        return None

    async def _heard(self, message: Message) -> str:
        (recording,) = message.attachments
        if recording.duration_s > MAX_SPEECH_S or recording.size > MAX_SPEECH_BYTES:
            length = duration(recording.duration_s)
            raise UserError(
                f"The voice message is too long ({length}): {duration(MAX_SPEECH_S)} is the most."
            )
        rules = FileRules(MAX_SPEECH_BYTES, 1)
        fetched = await with_files(self._services.transport, message, [message], rules)
        (recording,) = fetched.attachments
        if self._transcriber is None or recording.size == 0:
            raise UserError("The voice message is empty. Record it again.")
        text = (await self._transcriber.transcribe(recording)).strip()
        if not text:
            raise UserError(_NO_WORDS)
        return text

    def _as_written(self, text: str) -> str:
        """Return what a spoken command would be if it was written; other text unchanged.

        A command is spoken with its slash, or alone if it only looks, or stops something.
        """
        router = self._services.router
        if slash := _SLASH.match(text):
            return f"{router.prefix}{text[slash.end() :].rstrip(_PUNCTUATION)}"
        command = router.get(text.strip(_PUNCTUATION))
        is_safe = command is not None and (command.only_reads or command.overtakes)
        return f"{router.prefix}{text.strip(_PUNCTUATION).lower()}" if is_safe else text

    async def _judged(self, ctx: Context, text: str, heard: str) -> Read:
        read = self._acted(_addressed(ctx.message, text), ctx.role)
        shown = f"🎙 _{heard.translate(_MARKS)}_"
        asks = self._transcriber is not None and self._transcriber.confirms_speech
        if not asks or not self._acts(read, ctx.role):
            return replace(read, shown=shown)
        name = await ctx.active_repo_name()
        where = f" in *{name}*" if name else ""
        what = "Do" if isinstance(read.verdict, Call) else "Run"
        asked = f"{what} this{where}? yes, no, or send it corrected as a reply."
        question_id = await ctx.reply(f"{shown}\n{asked}")
        if len(self._questions) >= MAX_QUESTIONS:
            self._questions.clear()
        key = _key(ctx.message)
        self._questions[key] = _Question(text, question_id, time.monotonic())
        return Read(read.message, None)

    def _acted(self, message: Message, role: Role) -> Read:
        verdict = self._judge(message, role)
        if isinstance(verdict, Ignore):
            verdict = Say("", verdict.refusal)
        return Read(message, verdict)

    def _acts(self, read: Read, role: Role) -> bool:
        if isinstance(read.verdict, Call):
            command = read.verdict.command
            return not (command.only_reads or command.overtakes)
        return isinstance(read.verdict, Hear) and self._is_prompt(
            Context(read.message, role, self._services)
        )

    def _is_prompt(self, ctx: Context) -> bool:
        return any(each.takes_text(ctx) for each in self._plugins)

    def _open(self, message: Message) -> _Question | None:
        question = self._questions.get(_key(message))
        if question is None or time.monotonic() - question.asked_at > ASKED_FOR_S:
            return None
        return question

    def _is_about_it(self, message: Message) -> bool:
        question = self._questions.get(_key(message))
        return question is not None and message.quoted_id == question.id

    def _may_be_about_it(self, ctx: Context) -> bool:
        """Return whether a bare yes or no is for this question rather than an agent's."""
        is_bare = ctx.message.quoted_id is None
        return is_bare and not any(each.is_asking(ctx) for each in self._plugins)

    def _forget(self, message: Message) -> None:
        self._questions.pop(_key(message), None)


def _addressed(message: Message, text: str) -> Message:
    """Return a message to the bot with another text, and nothing else in it."""
    return replace(
        message,
        text=text,
        is_to_bot=True,
        is_reaction=False,
        quoted_id=None if message.is_reaction else message.quoted_id,
        media="",
        attachments=(),
    )


def _key(message: Message) -> tuple[str, str]:
    return message.chat_id, str(message.sender)
