"""Where a message belongs: on which machine, and with which argument there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from butler.access.rules import Refusal, Role
from butler.chat.answer import said
from butler.chat.message import Message
from butler.chat.text import listed, printable, tidied
from butler.core.commands import Command
from butler.core.gate import Hear, Say
from butler.core.place import At
from butler.core.router import Call
from butler.errors import UnknownRepoError, UserError
from butler.fleet.directory import Directory
from butler.fleet.journal import QuestionPlace
from butler.fleet.member import Member
from butler.fleet.registry import Registry


@dataclass(frozen=True, slots=True)
class There:
    """On another machine.

    Attributes:
        machine: Its name.
        argument: The argument of the call, as it is understood there.
        chooses: The repo that it makes the active one, if it does.
        is_urgent: It overtakes what waits for that machine.
        is_prompt: Plain text that is meant for the plugins there.
    """

    machine: str
    argument: str = ""
    chooses: str | None = None
    is_urgent: bool = False
    is_prompt: bool = False


@dataclass(frozen=True, slots=True)
class Everywhere:
    """Here, and on these machines."""

    machines: tuple[str, ...]


Place = There | Everywhere | Call | Hear | Say


class Placing:
    """Finds the machine of a message.

    Args:
        machine: The name of this machine.
        directory: The others.
        registry: Where runs, questions and messages are.
        has_repo: Returns whether this machine has a repo that the sender may know of.
    """

    def __init__(
        self,
        machine: str,
        directory: Directory,
        registry: Registry,
        has_repo: Callable[[str, Message, Role], bool],
    ) -> None:
        self._machine = machine
        self._directory = directory
        self._registry = registry
        self._has_repo = has_repo

    def of_call(self, call: Call, message: Message, role: Role, active: str | None) -> Place:
        """Return where a call belongs.

        Args:
            call: The call.
            message: Its message.
            role: The role of its sender.
            active: The active repo of the chat, behind its machine if it is on another one.

        Raises:
            UserError: It names a repo that is on no machine.
        """
        command = call.command
        if command.takes_repo:
            word, rest = command.first_word(call.argument)
            if word is not None:
                return self._of_repo(call, word, rest, message, role)
        match command.at:
            case At.HUB | At.CHOICE:
                return call
            case At.TOPIC:
                return self._of_topic(call, active)
            case At.RUN:
                return self._of_run(call, message.chat_id)
            case At.RUN_OR_REPO:
                number = number_in(command, call.argument)
                if number is not None:
                    return self._ofnumber_in(call, number, message.chat_id)
            case At.EVERYWHERE:
                return self._of_all(call, self._registry.machines_with_runs(message.chat_id))
            case At.REPO:
                pass
        return self._of_active(call, active)

    def of_text(self, message: Message, active: str | None, is_meant: Callable[[], bool]) -> Place:
        """Return where plain text or a reaction belongs.

        Args:
            message: The message.
            active: The active repo of the chat, behind its machine if it is on another one.
            is_meant: Returns whether a plugin takes plain text in this chat.
        """
        here = Hear()
        quoted = self._registry.sent_by(message.chat_id, message.quoted_id)
        answer = said(message.text, is_reaction=message.is_reaction)
        if answer is not None and quoted is not None:
            return self._there(quoted, is_urgent=True) or here
        if message.is_reaction:
            return here
        if answer is not None:
            asked = self._registry.questions(message.chat_id)
            fitting = [each for each in asked if answer.code in {None, each.question.code}]
            if fitting:
                return self._of_questions(fitting, answer.word) or here
        else:
            asked = self._asked_for_text(message, quoted)
            if asked:
                return self._of_questions(asked, printable(message.text, 40)) or here
        if quoted is None and not is_meant():
            return here
        machine = _machine_of(active)
        return (machine and self._there(machine, is_prompt=True)) or here

    def _asked_for_text(self, message: Message, quoted: str | None) -> list[QuestionPlace]:
        """Return the questions that plain text may answer: by a quote, a code, or their person."""
        asked = [each for each in self._registry.questions(message.chat_id) if each.takes_text]
        if message.quoted_id is not None:
            return [each for each in asked if each.machine == quoted]
        words = message.text.casefold().split()
        ends = {each.rstrip(":") for each in (*words[:1], *words[-1:])}
        coded = [each for each in asked if each.question.code in ends]
        return coded or [each for each in asked if each.question.text_of == message.sender]

    def rejects_all(self, message: Message) -> bool:
        """Return whether plain text rejects every open question of its chat."""
        answer = said(message.text, is_reaction=message.is_reaction)
        asked = self._registry.questions(message.chat_id)
        if answer is None or not asked:
            return False
        return all(answer.word in each.question.rejections for each in asked)

    def _of_repo(self, call: Call, word: str, rest: str, message: Message, role: Role) -> Place:
        machine, _, name = word.rpartition("/")
        if machine:
            return self._of_named(call, machine, name, rest, message, role)
        members = [each for each in self._directory if each.repo(name, message, role)]
        is_here = self._has_repo(name, message, role)
        if is_here and not members:
            return call
        if len(members) + is_here > 1:
            machines = [*(each.name for each in members), *([self._machine] if is_here else [])]
            places = listed((f"on {each}" for each in machines), joint=" and ")
            text = f"{name} is {places}: /{call.command.name} {machines[0]}/{name}"
            return Say(text, Refusal("not placed", "several machines have such a repo"))
        if members:
            return self._to_repo(call, members[0], name, rest, message, role)
        return call

    def _of_named(
        self, call: Call, machine: str, name: str, rest: str, message: Message, role: Role
    ) -> Place:
        if machine == self._machine:
            return call._replace(argument=f"{name} {rest}".strip())
        member = self._directory.get(machine)
        if member is None:
            known = listed([self._machine, *(each.name for each in self._directory)])
            raise UserError(f"No machine called {printable(machine, 40)}. Known: {known}.")
        return self._to_repo(call, member, name, rest, message, role)

    def _to_repo(
        self, call: Call, member: Member, name: str, rest: str, message: Message, role: Role
    ) -> There:
        repo = member.repo(name, message, role)
        if repo is None:
            raise UnknownRepoError(
                f"No repo called {printable(name, 70)} on {member.name}. /repos lists all."
            )
        argument = f"{repo.name} {rest}".strip()
        is_choice = call.command.at is At.CHOICE
        return There(member.name, argument, chooses=repo.name if is_choice else None)

    def _of_run(self, call: Call, chat_id: str) -> Place:
        number = number_in(call.command, call.argument)
        is_urgent = call.command.overtakes
        if number is not None:
            return self._ofnumber_in(call, number, chat_id)
        if call.argument.strip():  # all, everywhere
            live = self._registry.live_runs(chat_id=chat_id)
            if tidied(call.argument.strip()) == "everywhere":
                live = self._registry.live_runs()
            return self._of_all(call, {run.machine for run in live})
        live = self._registry.live_runs(chat_id=chat_id)
        newest = self._registry.newest_run(chat_id)
        run = live[-1] if live and is_urgent else newest
        if run is None or (is_urgent and not run.is_live):
            return call
        return self._there(run.machine, call.argument, is_urgent=is_urgent) or call

    def _ofnumber_in(self, call: Call, number: int, chat_id: str) -> Place:
        run = self._registry.run(number)
        if run is None or run.chat_id != chat_id:
            return call
        is_urgent = call.command.overtakes
        return self._there(run.machine, call.argument, is_urgent=is_urgent) or call

    def _of_all(self, call: Call, machines: Iterable[str]) -> Place:
        others = tuple(each for each in sorted(machines) if self._directory.get(each) is not None)
        return Everywhere(others) if others else call

    def _of_active(self, call: Call, active: str | None) -> Place:
        machine = _machine_of(active)
        member = machine and self._directory.get(machine)
        if machine is None or machine == self._machine:
            return call
        if not member:
            raise UserError(
                f"This chat works on *{active}*, and {machine} is no longer paired with me. "
                "/repos lists the repos, /use <repo> selects one."
            )
        if member.card is not None and call.command.name not in member.card.commands:
            return call
        return There(machine, call.argument, is_urgent=call.command.overtakes)

    def _of_topic(self, call: Call, active: str | None) -> Place:
        """Return where a command can be explained; also without the others, this machine can."""
        machine = _machine_of(active)
        member = self._directory.get(machine) if machine is not None else None
        if member is None or not self._directory.is_reachable or not member.is_online:
            return call
        topic = call.argument.strip().lower()
        is_there = member.card is not None and topic in member.card.commands
        return There(member.name, call.argument) if is_there else call

    def _of_questions(self, asked: list[QuestionPlace], word: str) -> Place | None:
        machines = {each.machine for each in asked}
        if len(machines) > 1:
            ways = [f"• {word} {each.question.code} (on {each.machine})" for each in asked]
            text = "\n".join(["Which question? Add its code:", *ways])
            return Say(text, Refusal("not placed", "several questions are open"))
        return self._there(machines.pop(), is_urgent=True)

    def _there(
        self, machine: str, argument: str = "", *, is_urgent: bool = False, is_prompt: bool = False
    ) -> There | None:
        """Return a place on another machine; None if it is this one, or no longer paired."""
        if self._directory.get(machine) is None:
            return None
        return There(machine, argument, is_urgent=is_urgent, is_prompt=is_prompt)


def _machine_of(active: str | None) -> str | None:
    return active.rpartition("/")[0] or None if active is not None else None


def number_in(command: Command, argument: str) -> int | None:
    """Return the number of a run that an argument begins with, if it does."""
    word, _rest = command.first_word(argument)
    digits = tidied(word or "").removeprefix("#")
    return int(digits) if digits.isdecimal() and len(digits) <= 18 else None
