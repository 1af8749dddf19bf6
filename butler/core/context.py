"""The context of a handler call: the message, the chat, and the actions on them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar, TypeVarTuple

from butler.access.rules import Role
from butler.chat.message import Message, Person, Reply
from butler.core.chat_names import ChatNames
from butler.core.commands import Command
from butler.core.fleet import Machine, OpenQuestion
from butler.core.router import ForeignCall
from butler.core.services import Services
from butler.errors import UnknownRepoError, UserError
from butler.records.model import Ignored
from butler.repos.registry import Repo
from butler.sessions import NoActiveRepoError, Session, StoreError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Context:
    """A message, its chat, and the actions a handler may take on them.

    Attributes:
        message: The received message.
        role: The role of its sender in this chat.
        repo_name: The repo that the call used, if any; for the audit.
        detail: More for the audit, such as the person concerned; never message text.
    """

    __slots__ = ("_overtakes", "_services", "detail", "message", "repo_name", "role")

    def __init__(
        self, message: Message, role: Role, services: Services, *, overtakes: bool = False
    ) -> None:
        self.message = message
        self.role = role
        self.repo_name = self.detail = ""
        self._services = services
        self._overtakes = overtakes

    @property
    def chat_id(self) -> str:
        """The id of the message's chat."""
        return self.message.chat_id

    @property
    def sender(self) -> Person:
        """The author of the message."""
        return self.message.sender

    @property
    def chat_names(self) -> ChatNames:
        """The chat names that a reply here may show; other chats only to an owner in private."""
        return ChatNames.in_answer(self.message, self.role, self._services.transport)

    @property
    def foreign_call(self) -> ForeignCall | None:
        """The call in the message of a command that is not Butler's own, if it is one."""
        return self._services.router.foreign(self.message.text)

    @property
    def commands(self) -> list[Command]:
        """The commands that the sender may use here."""
        return self._services.gate.allowed_commands(self.message, self.role)

    def is_command(self, name: str) -> bool:
        """Return whether this is the name or alias of a command, whoever may use it."""
        return self._services.router.get(name) is not None

    def can_be_used_by(self, role: Role, name: str) -> bool:
        """Return whether somebody of a role may use a command in this chat."""
        allowed = self._services.gate.allowed_commands(self.message, role)
        return any(each.name == name for each in allowed)

    def command(self, name: str) -> Command:
        """Return the command with this name or alias.

        Raises:
            UserError: No such command, or the sender may not use it.
        """
        router, allowed = self._services.router, self.commands
        found = router.get(name)
        if found is not None and found in allowed:
            return found
        near = router.nearest(name.lower())
        hint = f"Did you mean /{near}? " if near and router.get(near) in allowed else ""
        raise UserError(f"No such command. {hint}/help lists them.")

    async def reply(self, text: str) -> str:
        """Send ``text`` to the chat, quoting the message; return the id of the sent message.

        Raises:
            TransportError: The network rejected it.
        """
        return await self.send(Reply(text, answers=self.message))

    async def send(self, reply: Reply) -> str:
        """Send ``reply`` to the chat; return its id.

        Raises:
            TransportError: The network rejected it.
        """
        return await self._services.send(self.message.chat_id, reply)

    async def caught_up(self) -> bool:
        """Wait for the earlier messages of the chat that this one overtook; say if there are any.

        For a command that overtakes, and has to end what those have started, too.
        """
        if self._overtakes:
            await self._services.turns.caught_up(self.chat_id)
        return self._overtakes

    def show_typing(self, *, is_typing: bool) -> None:
        """Show or hide the typing indicator; each start needs one matching end."""
        self._services.transport.show_typing(self.chat_id, is_typing=is_typing)

    def take_over(self) -> None:
        """Let the plugin, not Butler, notify the chat if Butler is killed during this turn.

        For a plugin that has just saved the state it needs for that.
        """
        self._services.transport.begin(self.message, is_told=False)

    def check_recordable(self) -> None:
        """Check that what is done now can be recorded; for a listener, before it acts.

        Raises:
            UserError: It cannot, so nothing should be done; the text says so.
        """
        if problem := self._services.records.problem:
            raise UserError(
                f"I cannot record what I do ({problem}), so I only look things up, and stop runs, "
                "until that works again. The log says which file it is."
            )

    def audit(self, command: str, repo: str, result: str, detail: str) -> None:
        """Add a later outcome of this message to the audit, besides that of its turn."""
        self._services.records.done(self.message, command, repo, result, detail)

    async def is_still_admitted(self) -> bool:
        """Return whether the sender still has the role that they had when the message arrived."""
        return await self._services.gate.role_now(self.message) >= self.role

    @property
    def is_last_call(self) -> asyncio.Event:
        """Set once no further messages will arrive, so that jobs stop waiting for one."""
        return self._services.jobs.is_last_call

    def start(
        self, work: Coroutine[object, object, None], name: str, *, number: int | None = None
    ) -> asyncio.Task[None]:
        """Run ``work`` in the background, past the end of this turn; ``name`` is for the log.

        Args:
            work: The job.
            name: For the log.
            number: That of ``next_number``, by which commands find the job on every machine.
        """
        job = self._services.jobs.start(work, name)
        fleet, chat_id = self._services.fleet, self.chat_id
        if fleet is not None and number is not None:
            fleet.job_began(chat_id, number)
            job.add_done_callback(lambda _job: fleet.job_ended(chat_id, number))
        return job

    async def next_number(self, after: int) -> int | None:
        """Return a number for a job that no machine has given out; None if this is the only one.

        Args:
            after: The highest number known here.

        Raises:
            UserError: There is none now; the text says why.
        """
        fleet = self._services.fleet
        return None if fleet is None else await fleet.next_number(after)

    @contextmanager
    def asking(
        self, number: int, code: str, rejections: Iterable[str], *, takes_text: bool = False
    ) -> Iterator[None]:
        """Let answers find a question of a job wherever it is asked, while the block runs.

        Args:
            number: That of the job.
            code: Tells the question from all others.
            rejections: The words that reject it; they overtake the other messages of the chat.
            takes_text: Any text of the sender of this message may answer it.
        """
        fleet = self._services.fleet
        if fleet is None:
            yield
            return
        text_of = self.sender if takes_text else None
        question = OpenQuestion(self.chat_id, number, code, tuple(rejections), text_of)
        fleet.question_asked(question)
        try:
            yield
        finally:
            fleet.question_closed(question)

    @property
    def on_machine(self) -> str:
        """The words " on laptop" where that machine works for another one, else none."""
        fleet = self._services.fleet
        return f" on {fleet.works_at}" if fleet is not None and fleet.works_at else ""

    @property
    def machines(self) -> Sequence[Machine]:
        """The machines with the repos that a reply may name; none where there is only this one."""
        fleet = self._services.fleet
        return () if fleet is None else fleet.machines(self.message, self.role)

    async def repos(self) -> Sequence[Repo]:
        """Return the repos that may be listed here, by name, after a scan for new ones.

        Those are the repos that the sender may see. An owner sees all, but not in a list that
        others read, too.
        """
        await self.look_for_repos()
        return [repo for repo in self._services.repos if self._may_list(repo)]

    async def repo(self, name: str) -> Repo:
        """Return the repo called ``name``, even if it was added after the start.

        Raises:
            UnknownRepoError: No such repo, or the sender may not see it here.
        """
        try:
            return self.known_repo(name)
        except UnknownRepoError:
            await self.look_for_repos()
            return self.known_repo(name)

    def known_repo(self, name: str) -> Repo:
        """Return the repo called ``name``, without looking at the disk.

        Raises:
            UnknownRepoError: No such repo, or the sender may not see it here.
        """
        if not self._services.gate.has_audiences:
            repo = self._services.repos.get(name)
        else:
            repo = self._services.repos.get(name, self._is_visible, self._may_list)
        self.repo_name = repo.name
        return repo

    async def look_for_repos(self) -> None:
        """Scan the disk for repos added or removed since the last scan."""
        await asyncio.to_thread(self._services.repos.refresh)

    async def active_repo(self) -> Repo:
        """Return the chat's active repo, and update its time of last use.

        Raises:
            UserError: None is selected, or it no longer exists; the text says how to select one.
        """
        name = await self.active_repo_name()
        if name is None:
            raise UserError(
                "This chat has no active repo. /repos lists them, /use <repo> selects one."
            )
        if not self.may_see(name):
            raise UserError(
                "This chat has no active repo. /repos lists them, /use <repo> selects one."
            )
        try:
            repo = await self.repo(name)
        except UnknownRepoError:  # not named, as whom it was hidden from is no longer known
            raise UserError(
                "The active repo of this chat no longer exists. /repos lists the others."
            ) from None
        await self.touch_session()
        return repo

    async def active_repo_name(self) -> str | None:
        """Return the name of the chat's active repo; None if none is selected."""
        try:
            name, _path = await self._ask(self._services.sessions.get_active_repo, self.chat_id)
        except NoActiveRepoError:
            return None
        return name

    async def use_repo(self, repo: Repo) -> Session | None:
        """Make ``repo`` the chat's active repo; return the session it replaced, if any."""
        return await self.use_repo_called(repo.name, str(repo.path))

    async def use_repo_called(self, name: str, path: str = "") -> Session | None:
        """Make a repo, which may be on another machine, the chat's active repo."""
        set_active = self._services.sessions.set_active_repo
        return await self._ask(set_active, self.message.chat_id, name, path)

    async def touch_session(self) -> None:
        """Note that the chat's active repo was used just now."""
        await self._ask(self._services.sessions.touch, self.chat_id)

    async def clear_session(self) -> bool:
        """Delete the chat's session; return whether there was one."""
        return await self._ask(self._services.sessions.clear_session, self.chat_id)

    async def session(self) -> Session | None:
        """Return the chat's session, if there is one."""
        return await self._ask(self._services.sessions.get_session, self.chat_id)

    async def recent_sessions(self, limit: int, offset: int = 0) -> tuple[list[Session], int]:
        """Return sessions of all chats, most recent first, and their total number."""
        sessions = self._services.sessions

        def look() -> tuple[list[Session], int]:
            return sessions.recent_sessions(limit, offset), sessions.count_sessions()

        try:
            return await self._services.in_session_thread(look)
        except StoreError as error:
            raise _out_of_reach(error) from error

    async def ignored(self, chat_id: str, limit: int) -> list[Ignored]:
        """Return the latest ignored or refused messages of a chat, newest first."""
        return await asyncio.to_thread(self._services.records.last_ignored, limit, chat_id)

    def may_see(self, repo_name: str) -> bool:
        """Return whether the sender may know of a repo here."""
        return self._services.gate.may_see(repo_name, self.message, self.role)

    def may_tell_of(self, repo_name: str | None) -> bool:
        """Return whether an answer here may name a repo that the sender has not named.

        An owner who reads alone may learn of all, also of one that is no longer configured.
        """
        if repo_name is None:
            return False
        try:
            return self._may_list(self._services.repos.get(repo_name))
        except UnknownRepoError:
            return self.chat_names.is_private

    def _is_visible(self, repo: Repo) -> bool:
        return self.may_see(repo.name)

    def _may_list(self, repo: Repo) -> bool:
        if not self._services.gate.has_audiences:
            return True
        role = self.role if self.chat_names.is_private else min(self.role, Role.USER)
        return self._services.gate.may_see(repo.name, self.message, role)

    async def _ask(self, operation: Callable[[*Ts], T], *args: *Ts) -> T:
        try:
            if self._services.sessions.is_remote:
                return await self._services.in_session_thread(operation, *args)
            return operation(*args)
        except StoreError as error:
            raise _out_of_reach(error) from error


def _out_of_reach(error: StoreError) -> UserError:
    return UserError(f"The sessions cannot be accessed: {error.reason}.")
