"""/allow, /deny, /who and /why: manage access from the phone."""

import re
import time

from butler.access.announcements import CODE_LENGTH
from butler.access.grants import StoredGrants
from butler.access.rules import AccessRules, Role
from butler.chat.message import Message, Person
from butler.chat.text import folded, listed, printable
from butler.core.chat_names import ChatNames
from butler.core.context import Context
from butler.core.gate import NOT_A_COMMAND
from butler.core.handlers import command
from butler.core.place import At
from butler.core.plugin import Plugin, Settings
from butler.errors import UserError
from butler.records.model import Ignored

WHY_SHOWN = 10
_REPOS_NAMED = 5

# Phones show and copy numbers with these characters: +49 (30) 222-2222, direction marks.
_FILLING = re.compile(r"[\s\"'“”„()\u002d\u2010-\u2013\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class AccessPlugin(Plugin):
    """Lets owners admit chats and people, and see which messages were ignored."""

    def __init__(self, rules: AccessRules, grants: StoredGrants) -> None:
        super().__init__(Settings())
        self._rules = rules
        self._grants = grants

    def follow(self, rules: AccessRules) -> None:
        """Go by these rules from now on."""
        self._rules = rules

    @command(needs=Role.OWNER, at=At.HUB)
    async def allow(self, ctx: Context, *, whom: str | None = None) -> str:
        """Let a chat or a person use Butler.

        /allow in a group admits all its members, /allow users lets them only look. /allow +49…
        admits a person everywhere, as does /allow in a reply to one of their messages. /allow CODE
        admits the person who was announced with this code.
        """
        if whom is not None and folded(whom) == "users":
            return await self._allow_chat(ctx, is_view_only=True)
        person = self._named(ctx, whom)
        if person is None:
            return await self._allow_chat(ctx, is_view_only=False)
        if phone := self._grants.confirm_owner(person.lid):
            ctx.detail = f"{phone} has {person.lid}"
            return f"{person.lid} is the owner {phone} from now on."
        if person in self._rules.owners or person in self._rules.users:
            return f"{person} is already admitted by the configuration."
        self._decide(ctx, person, is_allowed=True)
        agents = ", /run on your machine included" if _runs(ctx) else ""
        return f"{person} may use me now{agents}. /deny {person} undoes that."

    @command(needs=Role.OWNER, overtakes=True, at=At.HUB)
    async def deny(self, ctx: Context, *, whom: str | None = None) -> str:
        """Undo /allow, or block a person.

        /deny in a group closes it. /deny +49… blocks a person everywhere, as does /deny in a reply
        to one of their messages.
        """
        person = self._named(ctx, whom)
        if person is None:
            return self._deny_chat(ctx)
        if person in self._rules.owners or person in self._rules.users:
            return f"{person} is admitted by the configuration, so only that can change it."
        denied = self._decide(ctx, person, is_allowed=False)
        said = f"{person} can no longer use me. /allow {person} undoes that."
        if denied.lid is None:
            said += " I do not know their LID: where WhatsApp shows only that, they still can."
        elif denied.phone is None:
            said += " I do not know their number: where WhatsApp shows only that, they still can."
        if self._rules.names_in_a_chat(person):
            said += " The configuration still admits them in some chats."
        return said

    @command(needs=Role.OWNER, only_reads=True, at=At.HUB)
    async def who(self, ctx: Context) -> str:
        """List the chats and people that owners allowed or denied."""
        names = ctx.chat_names
        lines = [
            f"• {_chat(grant.chat_id, names)}: {'open to look' if grant.is_view_only else 'open'}, "
            f"by {grant.by}, {_day(grant.time)}"
            for grant in self._grants.chats
        ]
        lines += [
            f"• {grant.person}: {'allowed' if grant.is_allowed else 'denied'}, "
            f"by {grant.by}, {_day(grant.time)}"
            for grant in self._grants.people
        ]
        if not lines:
            return "No /allow or /deny so far. Only the configuration applies."
        return "\n".join([*lines, "", "The configuration may admit more."])

    @command(needs=Role.OWNER, only_reads=True, at=At.HUB)
    async def why(self, ctx: Context, chat: str | None = None) -> str:
        """Explain why messages in this chat got no reply.

        /why 120363…@g.us explains it for another chat.
        """
        entries = await ctx.ignored(chat or ctx.chat_id, WHY_SHOWN)
        if not entries:
            return "No messages were ignored in this chat."
        way_out = " (/chat on changes that)" if ctx.is_command("chat") else ""
        return "\n".join(_explained(entry, way_out) for entry in entries)

    def _decide(self, ctx: Context, person: Person, *, is_allowed: bool) -> Person:
        ctx.detail = str(person)
        return self._grants.decide(person, is_allowed=is_allowed, by=ctx.message.author)

    def _named(self, ctx: Context, whom: str | None) -> Person | None:
        if whom is None:
            return self._quoted(ctx.message)
        address = _FILLING.sub("", whom)
        if len(address) == CODE_LENGTH and address.isalpha():
            return self._waiting(address)
        try:
            person = Person.parse(address)
        except ValueError:
            raise UserError(
                f"{printable(whom)} is not a phone number (+49…), LID (…@lid) or 8-letter code."
            ) from None
        if person.lacks_country_code:
            raise UserError(f"{printable(whom)} lacks the country code. Write it as +49…")
        return person

    @staticmethod
    def _quoted(message: Message) -> Person | None:
        """Return the author of the quoted message; None if no message is quoted."""
        person = message.quoted_sender
        if message.quoted_id is None and person is None:
            return None
        if person is None or (person.phone is None and person.lid is None):
            raise UserError("I cannot tell who wrote that. Give their number instead: +49…")
        if person == message.sender:
            raise UserError("You wrote that yourself. Give the other person's number: +49…")
        return person

    def _waiting(self, code: str) -> Person:
        person = self._grants.redeem(code)
        if person is None:
            raise UserError("Nobody is waiting with that code. Codes expire after an hour.")
        return person

    async def _allow_chat(self, ctx: Context, *, is_view_only: bool) -> str:
        if not ctx.message.is_group:
            raise UserError(
                "Write /allow in a group to admit its members, or /allow +49… to admit a person."
            )
        if ctx.chat_id in self._rules.chats:
            return "This chat is already open by the configuration."
        if self._names_people(ctx.chat_id):
            return "The configuration names the people of this chat, so only that can change it."
        self._grants.allow_chat(ctx.chat_id, ctx.message.author, is_view_only=is_view_only)
        ctx.detail = f"{ctx.chat_id}, to look" if is_view_only else ctx.chat_id
        if is_view_only:
            return (
                "Everyone in this group can now look (/repos, /repo, /diff), and no more. "
                "/allow lets them use everything. /deny closes it."
            )
        return (
            f"Everyone in this group can now use {await _opened(ctx)}. /allow users only lets them "
            "look (/repos, /repo, /diff). /deny closes it. New here? /help"
        )

    def _deny_chat(self, ctx: Context) -> str:
        if ctx.chat_id in self._rules.chats or self._names_people(ctx.chat_id):
            return "This chat is open by the configuration, so only that can change it."
        if self._grants.deny_chat(ctx.chat_id):
            ctx.detail = ctx.chat_id
            return "Only owners and people who are admitted may use me here now."
        return "This chat was not open. /deny +49… blocks a person."

    def _names_people(self, chat_id: str) -> bool:
        rules = self._rules.rules.get(chat_id)
        return rules is not None and rules.people is not None


def _runs(ctx: Context) -> bool:
    return ctx.can_be_used_by(Role.USER, "run")


async def _opened(ctx: Context) -> str:
    """Return what an open chat may use; of repos those that may be named there."""
    if not _runs(ctx):
        return "me"
    names = _in_words([repo.name for repo in await ctx.repos()])
    return f"/run in {names or 'your repos'} on your machine"


def _in_words(names: list[str]) -> str:
    if len(names) > _REPOS_NAMED:
        return listed(names, _REPOS_NAMED)
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _chat(chat_id: str, names: ChatNames) -> str:
    if not names.may_tell_of(chat_id):
        return "another chat"
    return names.listed(chat_id, with_id=True)


def _explained(entry: Ignored, way_out: str) -> str:
    """Return a line on an ignored message; ``way_out`` is for plain text."""
    when = time.strftime("%d %b %H:%M", time.localtime(entry.time))
    if (entry.rule, entry.detail) == (NOT_A_COMMAND.rule, NOT_A_COMMAND.detail):
        return f"• {when}, {entry.sender}: {entry.detail}{way_out}"
    return f"• {when}, {entry.sender}: {entry.rule} ({printable(entry.detail, 200)})"


def _day(seconds: float) -> str:
    return time.strftime("%d %b %Y", time.localtime(seconds))
