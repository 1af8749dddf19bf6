"""The gate: decides on a message by access, rate limits and router, before anything runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from butler.access.loop_guard import LISTENING, Hearing, LoopGuard
from butler.access.rate_limits import Admission, Buckets
from butler.access.rules import EVERYONE, OWNER, USER, AccessRules, Refusal, Role
from butler.chat.message import Message
from butler.core.commands import Command
from butler.core.router import Call, Router, Unknown

NOT_A_COMMAND = Refusal("not a command", "plain text; this chat only takes commands")
FORWARDED = Refusal("forwarded", "what others wrote is not obeyed")


@dataclass(frozen=True, slots=True)
class Say:
    """The message is answered with a fixed text and nothing else; an empty one means a hint."""

    text: str
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Ignore:
    """The message gets no reply; with ``mutes``, its chat is ignored for a while."""

    refusal: Refusal
    is_stranger: bool = False
    mutes: bool = False


@dataclass(frozen=True, slots=True)
class Hear:
    """The message is not a command and goes to the listeners."""


TakesCommand = Callable[[Message, Role], bool]
"""Returns whether a listener takes the unknown command that this message calls."""

Verdict = Call | Say | Hear | Ignore
HEAR = Hear()


class Judge(Protocol):
    """What the bot asks about a message and its sender."""

    @property
    def has_audiences(self) -> bool:
        """Whether some repos are hidden from some users."""
        ...

    def role(self, message: Message) -> Role:
        """Return the role of the sender in this chat, on the arrival of the message."""
        ...

    async def role_now(self, message: Message) -> Role:
        """Return the role that the sender has by now."""
        ...

    def judge(self, message: Message, role: Role, takes_command: TakesCommand = ..., /) -> Verdict:
        """Return the decision on ``message``, whose sender has this role in its chat."""
        ...

    def count(self, message: Message, role: Role) -> None:
        """Count plain text that got a reply against the rate limit."""
        ...

    def allowed_commands(self, message: Message, role: Role) -> list[Command]:
        """Return the commands that the sender may use in this chat."""
        ...

    def may_see(self, repo_name: str, message: Message, role: Role) -> bool:
        """Return whether the sender may know of a repo in this chat."""
        ...


class Gate:
    """Decides on messages without ever waiting.

    Owners have no rate limit: they could stop Butler altogether anyway.

    Attributes:
        access: The access rules of now.

    Args:
        access: The access rules to begin with.
        router: The commands.
        per_person: Rate limit of each person.
        per_chat: Rate limit of each chat, all its members together.
        loop_guard: Mutes chats in which another bot echoes commands.
    """

    def __init__(
        self,
        access: AccessRules,
        router: Router,
        per_person: Buckets,
        per_chat: Buckets,
        loop_guard: LoopGuard,
    ) -> None:
        self.access = access
        self._router = router
        self._per_person = per_person
        self._per_chat = per_chat
        self._loop_guard = loop_guard

    def limit(self, per_person: Buckets, per_chat: Buckets) -> None:
        """Decide by these rate limits from now on."""
        self._per_person, self._per_chat = per_person, per_chat

    @property
    def has_audiences(self) -> bool:
        """Whether some repos are hidden from some users."""
        return bool(self.access.audiences)

    def role(self, message: Message) -> Role:
        """Return the role of the sender in this chat."""
        return self.access.role(message)

    async def role_now(self, message: Message) -> Role:
        """Return the role of the sender in this chat."""
        return self.access.role(message)

    def may_see(self, repo_name: str, message: Message, role: Role) -> bool:
        """Return whether the sender may know of a repo in this chat."""
        return self.access.may_see(repo_name, message, role)

    def judge(
        self,
        message: Message,
        role: Role,
        takes_command: TakesCommand = lambda _message, _role: False,
    ) -> Verdict:
        """Return the decision on ``message``, whose sender has this role in its chat.

        A returned call is permitted.

        Args:
            message: The message.
            role: The role of its sender.
            takes_command: Whether a listener takes a command that is unknown here.
        """
        if role is EVERYONE and not self._is_for_everyone(message):
            return Ignore(self.access.refusal(message), is_stranger=True)
        if message.is_forwarded:
            return Ignore(FORWARDED)
        decision = None if message.is_reaction else self._router.route(message.text)
        if decision is None:
            return self._heard(message, role)
        if isinstance(decision, Call):
            return self._called(decision, message, role)
        if role >= USER and takes_command(message, role):
            return self._heard(message, role)
        return self._misspelt(decision, message, role)

    def count(self, message: Message, role: Role) -> None:
        """Count plain text that got a reply against the rate limit, like a command."""
        if role is not OWNER:
            for buckets, key in self._limits(message):
                buckets.take(key)

    def concerns(self, message: Message) -> bool:
        """Return whether the sender should be notified that ``message`` was not handled.

        A message whose text could not be read counts as such, unless the owner wrote it to others.
        """
        if self.access.role(message) is EVERYONE:
            return False
        if message.is_own and not message.is_group and not message.is_to_self:
            return self._router.route(message.text) is not None
        is_readable = message.text != "" or message.media != ""
        is_chatter = message.is_group and not message.is_to_bot and is_readable
        return not is_chatter or self._router.route(message.text) is not None

    def allowed_commands(self, message: Message, role: Role) -> list[Command]:
        """Return the commands that the sender may use in this chat."""
        return [each for each in self._router.commands if role >= self.needs(each, message.chat_id)]

    def needs(self, command: Command, chat_id: str) -> Role:
        """Return the minimum role for a command in a chat."""
        needs = self.access.needs(command.name, command.needs, chat_id)
        like = self._router.get(command.needs_like) if command.needs_like else None
        if like is None:
            return needs
        return max(needs, self.access.needs(like.name, like.needs, chat_id))

    def _is_for_everyone(self, message: Message) -> bool:
        if not self._router.has_commands_for_everyone:
            return False
        decision = self._router.route(message.text)
        return (
            isinstance(decision, Call) and self.needs(decision.command, message.chat_id) is EVERYONE
        )

    def _called(self, call: Call, message: Message, role: Role) -> Verdict:
        command = call.command
        if role is OWNER:
            self._loop_guard.note(message)
            return call
        if over := self._over_the_limit(message, role):
            return over
        needs = self.needs(command, message.chat_id)
        if role < needs:
            return Say(
                _for_others(command.name, needs),
                Refusal("not allowed", f"/{command.name} needs {needs.name.lower()}"),
            )
        hearing = self._loop_guard.hear(message)
        if hearing is LISTENING:
            return call
        refusal = Refusal("muted", "commands are said back in this chat")
        return Ignore(refusal, mutes=hearing is Hearing.MUTED_NOW)

    def _misspelt(self, unknown: Unknown, message: Message, role: Role) -> Verdict:
        nearest = self._router.get(unknown.nearest or "")
        is_unknown = Refusal(NOT_A_COMMAND.rule, f"/{unknown.word} is unknown")
        if nearest is None:
            return Ignore(is_unknown)
        if role is not OWNER and (over := self._over_the_limit(message, role)):
            return over
        if role < self.needs(nearest, message.chat_id):
            return Ignore(is_unknown)
        return Say(
            f"There is no /{unknown.word}. Did you mean /{unknown.nearest}?",
            is_unknown,
        )

    def _heard(self, message: Message, role: Role) -> Verdict:
        """Pass plain text to the listeners, unless its sender exceeds the rate limit."""
        if role < USER:
            return Ignore(NOT_A_COMMAND)
        if role is not OWNER:
            for buckets, key in self._limits(message):
                if buckets.is_empty(key):
                    return Ignore(_too_often(key))
        return HEAR

    def _limits(self, message: Message) -> list[tuple[Buckets, str]]:
        """Return the buckets of the sender, one per address, and that of the chat."""
        addresses = (message.sender.lid, message.sender.phone)
        limits = [(self._per_person, address) for address in addresses if address]
        return [*limits, (self._per_chat, message.chat_id)]

    def _over_the_limit(self, message: Message, role: Role) -> Verdict | None:
        for buckets, key in self._limits(message):
            admission = buckets.take(key)
            if admission is not Admission.GRANTED:
                refusal = _too_often(key)
                wait_s = int(buckets.wait_s(key)) + 1
                text = f"Too many commands. Try again in {wait_s} s."
                is_told = admission is Admission.STILL_REFUSED
                return Ignore(refusal) if is_told else Say(text, refusal)
        return None


def unheard(message: Message) -> Refusal:
    """Return why ``message``, which no handler answered, is ignored."""
    is_text = message.text.strip() or not message.media
    return NOT_A_COMMAND if is_text else Refusal("not a text", message.media)


def _for_others(name: str, needs: Role) -> str:
    """Return a sentence for somebody whose role is too low for a command."""
    if needs is OWNER:
        return f"/{name} is for owners only."
    return f"Here you can only look (/help lists how), so /{name} is not for you."


def _too_often(key: str) -> Refusal:
    return Refusal("rate", f"{key} calls too often")
