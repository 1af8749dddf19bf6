"""Checks who may do what, for `butler check`."""

import re
from collections.abc import Iterable, Iterator

from butler.access.rules import Role
from butler.app import Setup
from butler.chat.message import Person
from butler.chat.text import listed
from butler.config.schema import Config
from butler.core.check_result import Finding
from butler.errors import DataError
from butler.transports.whatsapp import stored_names

_SUBJECT = "access"
_MIN_DIGITS = 7
"""Of a number with its country code; the shortest there are, as on Niue, have seven."""

_MAX_DIGITS = 15
_WHATSAPP_CHAT = re.compile(r"[0-9]{5,25}(-[0-9]{5,15})?@g\.us|[0-9]{5,25}@(s\.whatsapp\.net|lid)")
_CONSOLE = "console"


def access_findings(setup: Setup) -> list[Finding]:
    """Report who may do what, and the entries that match nobody."""
    return [*_who_may_what(setup), *_matching_nobody(setup.config), *_grants(setup)]


def _who_may_what(setup: Setup) -> Iterator[Finding]:
    access = setup.config.access
    owners = ", ".join(filter(None, ["the linked account", _people(access.owners)]))
    yield _said(f"owners ({owners}) may use every command")
    if users := _people(access.users):
        yield _said(f"users ({users}) may use, in every chat, {_all_but(setup)}")
    names = stored_names(setup.config.data_dir / "whatsapp")
    for chat_id in filter(_is_chat, dict.fromkeys([*access.chats, *access.rules])):
        rules = access.rules.get(chat_id)
        people = rules.people if rules else None
        if people is None and chat_id not in access.chats:
            continue  # rules for those who are admitted elsewhere
        who = "everybody" if people is None else _people(people) or "nobody else"
        called = f"{chat_id} ({names[chat_id]})" if chat_id in names else chat_id
        yield _said(f"in {called}, {who} may use {_all_but(setup, chat_id)}")


def _all_but(setup: Setup, chat_id: str = "") -> str:
    """Return what users may do in a chat, in words."""
    gate, commands = setup.gate, setup.router.commands
    kept = [each.name for each in commands if gate.needs(each, chat_id) > Role.USER]
    if len(kept) == len(commands):
        return "no command"
    return f"every command but {', '.join(f'/{name}' for name in kept)}" if kept else "every one"


def _people(people: Iterable[Person]) -> str:
    return listed(map(str, filter(_is_somebody, people)))


def _said(detail: str) -> Finding:
    return Finding(True, _SUBJECT, detail)


def _matching_nobody(config: Config) -> Iterator[Finding]:
    for key, people in _configured_people(config):
        for person in people:
            if not _is_somebody(person):
                yield Finding(False, _SUBJECT, f"{key}: {person} is no one's phone number")
    for key, chats in _configured_chats(config):
        for chat_id in chats:
            if not _is_chat(chat_id):
                problem = f'"{chat_id}" is no chat on WhatsApp; the id of a group ends in @g.us'
                yield Finding(False, _SUBJECT, f"{key}: {problem} (butler why lists ids)")


def _is_somebody(person: Person) -> bool:
    return not person.phone or _MIN_DIGITS < len(person.phone) <= _MAX_DIGITS + 1


def _is_chat(chat_id: str) -> bool:
    return chat_id == _CONSOLE or _WHATSAPP_CHAT.fullmatch(chat_id) is not None


def _configured_people(config: Config) -> Iterator[tuple[str, Iterable[Person]]]:
    access = config.access
    yield from (("owners", access.owners), ("users", access.users))
    for chat_id, rules in access.rules.items():
        yield f"rules.{chat_id}.people", rules.people or ()
    for name, repo in config.repos.items():
        yield f"repos.{name}.users", repo.users or ()


def _configured_chats(config: Config) -> Iterator[tuple[str, Iterable[str]]]:
    yield from (("chats", config.access.chats), ("rules", config.access.rules))
    for name, repo in config.repos.items():
        yield f"repos.{name}.chats", repo.chats or ()


def _grants(setup: Setup) -> list[Finding]:
    """Report the grants, and those that the configuration overrides."""
    rules = setup.gate.access
    try:
        with setup.grants as grants:
            allowed = [each.person for each in grants.people if each.is_allowed]
            denied = [each.person for each in grants.people if not each.is_allowed]
            chats = [each.chat_id for each in grants.chats]
    except DataError as error:
        return [Finding(False, "grants", str(error))]
    overruled = [
        each
        for each in denied
        if each in rules.owners or each in rules.users or rules.names_in_a_chat(each)
    ]
    closed = [each for each in chats if each in rules.rules and rules.rules[each].people]
    return [
        Finding(True, "grants", _decided(allowed, denied, chats)),
        *(_overruled(f"{each} was denied from a chat") for each in overruled),
        *(_overruled(f"{each} was opened from a chat") for each in closed),
    ]


def _decided(allowed: list[Person], denied: list[Person], chats: list[str]) -> str:
    decisions = {
        "allowed everywhere": map(str, allowed),
        "denied": map(str, denied),
        "everybody allowed in": chats,
    }
    parts = [f"{said} {text}" for said, names in decisions.items() if (text := listed(names))]
    return (
        f"from chats: {'; '.join(parts)}" if parts else "nobody was allowed or denied from a chat"
    )


def _overruled(what: str) -> Finding:
    return Finding(True, "grants", f"{what}, but the configuration overrides that", True)
