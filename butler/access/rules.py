"""Access rules: who may do what; everything is denied unless a rule or grant allows it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from butler.chat.message import Message, Person
from butler.chat.text import folded


class Role(IntEnum):
    """The role of a person in a chat; a higher role includes the lower ones."""

    EVERYONE = 0
    """Anyone who is not admitted. No built-in command answers them."""

    VIEWER = 1
    """A member of a chat that an owner opened for looking only."""

    USER = 2
    OWNER = 3


# Looked up through its class, a member takes as long as a function call (CPython 3.11).
EVERYONE, VIEWER, USER, OWNER = Role


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why a message is not handled.

    Attributes:
        rule: A short name for statistics, such as ``not allowed``.
        detail: The deciding values, without the message's text.
    """

    rule: str
    detail: str


class People:
    """A set of people, looked up by either address."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        people = tuple(people)
        self._phones = frozenset(person.phone for person in people if person.phone)
        self._lids = frozenset(person.lid for person in people if person.lid)

    def __contains__(self, person: Person) -> bool:
        return person.phone in self._phones or person.lid in self._lids

    def has_lid(self, lid: str | None) -> bool:
        """Return whether somebody is named by this LID."""
        return lid in self._lids


@dataclass(frozen=True, slots=True)
class ChatRules:
    """The rules of one chat.

    Attributes:
        people: The only users here besides those admitted everywhere; None means every member.
        needs: The minimum role for every command.
        commands: The minimum role for single commands, by name.
    """

    people: People | None = None
    needs: Role = Role.EVERYONE
    commands: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may see a repo: these people anywhere, and everybody in these chats."""

    people: People
    chats: frozenset[str]


class Grants(Protocol):
    """The decisions that owners made from a chat."""

    def allows_chat(self, chat_id: str) -> bool:
        """Return whether an owner opened the chat."""
        ...

    def allows(self, person: Person) -> bool:
        """Return whether an owner admitted the person."""
        ...

    def denies(self, person: Person) -> bool:
        """Return whether an owner denied the person."""
        ...

    def allowed_another(self, person: Person) -> bool:
        """Return whether an owner admitted someone who shares an address with the person."""
        ...

    def shows_chat(self, chat_id: str) -> bool:
        """Return whether an owner let the chat's members at least look."""
        ...

    def knows_owner(self, person: Person) -> bool:
        """Return whether somebody with an owner's phone number is who it was so far."""
        ...


class NoGrants:
    """No grants: nothing was ever allowed or denied from a chat."""

    def allows_chat(self, chat_id: str) -> bool:
        """Return False."""
        return False

    def allows(self, person: Person) -> bool:
        """Return False."""
        return False

    def denies(self, person: Person) -> bool:
        """Return False."""
        return False

    def allowed_another(self, person: Person) -> bool:
        """Return False."""
        return False

    def shows_chat(self, chat_id: str) -> bool:
        """Return False."""
        return False

    def knows_owner(self, person: Person) -> bool:
        """Return True."""
        return True


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The rules from the configuration and the grants by owners; the configuration wins.

    Attributes:
        owners: May do everything, as may the linked account itself.
        users: Admitted in every chat.
        chats: The chats in which every member is admitted.
        rules: Rules of single chats, by id; naming people there opens the chat to them.
        commands: The minimum role for commands, by name, where it is above their own.
        audiences: Who may see a repo, by its name in lower case; every user sees all others.
        grants: The chats and people allowed or denied by owners.
    """

    owners: People = field(default_factory=People)
    users: People = field(default_factory=People)
    chats: frozenset[str] = frozenset()
    rules: Mapping[str, ChatRules] = field(default_factory=dict)
    commands: Mapping[str, Role] = field(default_factory=dict)
    audiences: Mapping[str, Audience] = field(default_factory=dict)
    grants: Grants = field(default_factory=NoGrants)

    def role(self, message: Message) -> Role:
        """Return the role of the sender in this chat."""
        sender = message.sender
        if message.is_own or (sender in self.owners and self._is_known(sender)):
            return OWNER
        if sender in self.users:
            return USER
        if sender.phone is None and sender.lid is None:
            return EVERYONE
        if self._is_admitted(sender, message.chat_id):
            return USER
        return VIEWER if self._may_look(sender, message.chat_id) else EVERYONE

    def needs(self, command: str, own: Role, chat_id: str) -> Role:
        """Return the minimum role for a command whose own minimum is ``own``."""
        if not self.commands and not self.rules:
            return own
        raised = self.commands.get(command, own)
        here = self.rules.get(chat_id, _NO_RULES)
        return max(own, raised, here.needs, here.commands.get(command, own))

    def may_see(self, repo_name: str, message: Message, role: Role) -> bool:
        """Return whether the sender may know of a repo in this chat."""
        if not self.audiences or role is OWNER:
            return True
        audience = self.audiences.get(folded(repo_name))
        if audience is None:
            return True
        return message.chat_id in audience.chats or message.sender in audience.people

    def names_in_a_chat(self, person: Person) -> bool:
        """Return whether the configuration names the person as one of a chat's people."""
        return any(each.people and person in each.people for each in self.rules.values())

    def refusal(self, message: Message) -> Refusal:
        """Return the reason for refusing a message of this sender."""
        if message.sender.phone is None and message.sender.lid is None:
            return Refusal("not allowed", "the sender is unknown")
        if self.grants.denies(message.sender):
            return Refusal("not allowed", f"{message.sender} was denied by an owner")
        if self.grants.allowed_another(message.sender):
            return Refusal(
                "not allowed", f"{message.sender} was allowed with another number or LID"
            )
        return Refusal("not allowed", f"neither {message.sender} nor {message.chat_id} is admitted")

    def _is_known(self, owner: Person) -> bool:
        """Return whether an owner has the LID that is configured, or the one they had before."""
        return self.owners.has_lid(owner.lid) or self.grants.knows_owner(owner)

    def _may_look(self, sender: Person, chat_id: str) -> bool:
        rules = self.rules.get(chat_id)
        if rules is not None and rules.people is not None:
            return False
        return self.grants.shows_chat(chat_id) and not self.grants.denies(sender)

    def _is_admitted(self, sender: Person, chat_id: str) -> bool:
        rules = self.rules.get(chat_id)
        if rules is not None and rules.people is not None:
            return sender in rules.people
        if self.grants.denies(sender):
            return False
        if chat_id in self.chats or self.grants.allows_chat(chat_id):
            return True
        return self.grants.allows(sender)


_NO_RULES = ChatRules()
