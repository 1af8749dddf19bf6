"""What holds for every input: nothing raises or hangs, no stranger is answered."""

import asyncio
import json
import os
import re
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from butler import Context, Message, Person, Plugin, Role, Settings, UserError, command
from butler.access.grants import StoredGrants
from butler.access.rules import AccessRules, Audience, ChatRules, People
from butler.app import read_setup
from butler.chat.text import printable
from butler.config.loading import Draft
from butler.core.handlers import commands_of
from butler.core.router import Call, Router
from butler.errors import ConfigError
from butler.records.model import MemoryRecords
from butler.repos.registry import name_problem
from butler.testing import OWNER, make_working_copy, open_chat
from butler.transports.console.jsonl import JsonLines
from butler.transports.console.seen import SeenMessages
from butler.transports.console.streams import LineReader

few = settings(max_examples=50)
NASTY = ["/", "..", "%s", "{}", "{0.__class__}", "'--", '"', "„", "\0", "\n", "\u202e", "\ud7ff🙂"]
texts = st.lists(st.one_of(st.sampled_from(NASTY), st.text()), max_size=8).map("".join)


class ParserPlugin(Plugin):
    """A command of every shape."""

    @command()
    async def one(self, ctx: Context, word: str, number: int, share: float = 0.5) -> str:
        """Take words."""
        return repr((word, number, share))

    @command()
    async def many(self, ctx: Context, state: Literal["on", "off"], *words: str) -> str:
        """Take all words."""
        return repr((state, words))

    @command()
    async def rest(self, ctx: Context, number: int | None = None, *, rest: str = "") -> str:
        """Take the rest."""
        return repr((number, rest))


PARSED = commands_of(ParserPlugin(Settings()), "parser")
router = Router(PARSED)


@given(st.sampled_from(PARSED), st.one_of(texts, st.from_regex(r"(on |off |1 )?[0-9e.+_ ]*")))
@example(PARSED[0], "a 9" + "9" * 5_000)
@example(PARSED[0], "a 1 1e999")
@example(PARSED[0], "a 1 2 \u202e")
@example(PARSED[1], 'on "' + "a " * 50_000)
def test_any_text_behind_a_command_is_taken_or_refused_by_a_sentence(each, text):
    try:
        asyncio.run(each.call(None, text))
        said = f"Usage: {each.usage}"
    except UserError as refused:
        said = str(refused)

    assert said.endswith(f"Usage: {each.usage}")
    assert said.isprintable()


@given(texts, st.sampled_from(["", "/", "/one ", " \u200e/rest@me: ", "/on "]))
@example("api \n", "/one ")
def test_what_is_behind_a_command_is_taken_as_it_was_written(text, head):
    decision = router.route(head + text)

    if isinstance(decision, Call):
        assert (head + text).endswith(decision.argument)
        assert decision.command in PARSED


@given(st.one_of(texts, st.from_regex(r"\+?[0-9]*(@[a-z.]*)?")))
def test_an_address_is_digits_and_a_known_server_or_none(text):
    try:
        person = Person.parse(text)
    except ValueError:
        return
    assert re.fullmatch(r"\+[0-9]{5,20}", person.phone or "") or re.fullmatch(
        r"[0-9]{1,20}@lid", person.lid or ""
    )


@given(texts)
def test_a_name_that_is_allowed_is_no_path_and_no_option(name):
    if name_problem(name) is None:
        assert not set(name) & set("/\\\0\n\"' %{}$`")
        assert name[0] not in ".-"
    assert printable(name).isprintable()


# Phone numbers and LIDs of the same digits, so that whoever compares digits is found out.
phones = st.sampled_from([None, "+4930111", "+4930222", "+4930333"])
lids = st.sampled_from([None, "4930111@lid", "4930222@lid", "1@lid"])
people = st.builds(Person, phones, lids)
known = people.filter(lambda person: person.phone or person.lid)
chats = st.sampled_from(["a@g.us", "b@g.us", "1@lid", "4930111@s.whatsapp.net"])
sets = st.lists(people, max_size=2)


def is_one_of(person, others):
    return any(
        (person.phone and person.phone == other.phone) or (person.lid and person.lid == other.lid)
        for other in others
    )


@given(owners=sets, users=sets, opened=st.frozensets(chats), named=sets, sender=people, chat=chats)
def test_only_who_is_named_or_in_an_open_chat_is_somebody(
    owners, users, opened, named, sender, chat
):
    rules = AccessRules(People(owners), People(users), opened, {"b@g.us": ChatRules(People(named))})

    role = rules.role(Message("1", chat, sender, "", 0.0, name="+4930111"))

    is_unresolved = sender.phone is None and sender.lid is None
    is_here = is_one_of(sender, named) if chat == "b@g.us" else chat in opened
    assert (role is Role.OWNER) == is_one_of(sender, owners)
    assert (role >= Role.USER) == (
        not is_unresolved and (is_one_of(sender, [*owners, *users]) or is_here)
    )


@given(asked=st.text(), sender=people, seers=sets, chat=chats)
def test_a_repo_is_seen_by_its_audience_only_however_it_is_written(asked, sender, seers, chat):
    rules = AccessRules(audiences={"straße".casefold(): Audience(People(seers), frozenset())})
    message = Message("1", chat, sender, "", 0.0)

    for name in (asked, "straße", "STRASSE"):
        is_hidden = name.casefold() == "strasse" and not is_one_of(sender, seers)
        assert rules.may_see(name, message, Role.USER) != is_hidden


@few
@given(
    st.lists(st.tuples(known, st.booleans()), min_size=1, max_size=5),
    st.lists(people, min_size=1, max_size=3),
)
def test_nobody_is_admitted_under_an_address_that_was_never_allowed(decisions, seen):
    with TemporaryDirectory() as folder, StoredGrants(Path(folder) / "grants.sqlite3") as grants:
        for decided, is_allowed in decisions:
            grants.decide(decided, is_allowed=is_allowed, by="an owner")
        allowed = [decided for decided, is_allowed in decisions if is_allowed]

        for person in seen:
            is_admitted = grants.allows(person)
            assert not is_admitted or is_one_of(person, allowed)
            assert not (is_admitted and grants.denies(person))
            if is_admitted:
                allowed.append(person)  # an address seen with one that was allowed is theirs
        decided, is_allowed = decisions[-1]
        assert (grants.allows(decided), grants.denies(decided)) == (is_allowed, not is_allowed)
        addresses = [
            address
            for grant in grants.people
            for address in (grant.person.phone, grant.person.lid)
            if address
        ]
        assert len(addresses) == len(set(addresses))


@few
@given(st.one_of(st.binary(max_size=300), texts.map(lambda text: text.encode("utf-8", "replace"))))
@example(b'[repos."\\u202e"]\npath = "\\u0000"')
@example(b"[access]\ncommands = { '{0}' = '%s' }")
def test_any_file_is_a_configuration_or_refused_in_words(content):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(content)
        mistakes = ()
        try:
            draft = Draft(path)
            draft.check_plugin_names([])
            draft.check_repo_keys()
            draft.finish()
        except ConfigError as refused:
            mistakes = refused.mistakes

    assert all(each.startswith(str(path)) for each in mistakes)


def piped(descriptors, data):
    """Return the read end of a pipe that has ``data`` in it and no writer."""
    reader, writer = os.pipe()
    descriptors.callback(os.close, reader)
    os.write(writer, data)
    os.close(writer)
    return reader


@few
@given(st.lists(st.binary(max_size=200), max_size=20))
def test_the_lines_of_a_stream_are_the_lines_that_were_put_in(pieces):
    data = b"\n".join(pieces)

    async def read(descriptor):
        return [line async for line in LineReader(descriptor).lines()]

    with ExitStack() as descriptors:
        lines = asyncio.run(read(piped(descriptors, data)))

    assert lines == data.split(b"\n")[: None if data and data[-1:] != b"\n" else -1]


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(
    st.sampled_from(["chat", "text", "sender", "id", "name", "nmae"]),
    st.one_of(values, st.sampled_from(["a@g.us", "+4930111111", "1@lid"])),
).map(lambda value: json.dumps(value).encode())
written = st.one_of(objects, st.binary(max_size=100)).map(lambda line: line.replace(b"\n", b" "))


@few
@given(st.lists(written, max_size=20))
@example([b'{"chat": "a", "text": "\\ud800"}', b"[" * 9_000, b"9" * 9_000])
def test_every_line_is_a_message_a_duplicate_or_an_error(lines):
    records = MemoryRecords()

    async def talk(reader, writer, handled):
        transport = JsonLines(reader, writer, handled, records)
        received = [message async for message in transport.messages()]
        await transport.aclose()
        return received

    with TemporaryDirectory() as folder, ExitStack() as descriptors:
        reader = piped(descriptors, b"".join(line + b"\n" for line in lines))
        path = Path(folder) / "errors"
        handled = SeenMessages(Path(folder) / "console.sqlite3")
        with closing(handled), path.open("wb") as file:
            received = asyncio.run(talk(reader, file.fileno(), handled))
        errors = [json.loads(line) for line in path.read_bytes().splitlines()]

    assert len(received) + len(records.entries) + len(errors) == sum(
        bool(line.strip()) for line in lines
    )
    assert all(set(each) == {"error", "line"} for each in errors)
    assert all(one["line"] < other["line"] for one, other in pairwise(errors))


STRANGERS = [Person(lid="4915112345678@lid"), Person("+4930999999", "999@lid"), Person()]
messages = st.tuples(
    st.sampled_from(["owner", "member", "stranger"]),
    st.sampled_from(
        ["/use ", "/repo ", "/why ", "/help ", "/who", "/allow ", "/deny ", "/us ", ""]
    ),
    st.one_of(texts, st.sampled_from(["api", "+4930222222", "../api", '"a b"', "2"])),
    st.fixed_dictionaries(
        {"name": texts, "quoted_id": st.none() | texts, "is_forwarded": st.booleans()}
    ),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a configuration; everything but ``data`` stays as it is."""
    folder = tmp_path_factory.mktemp("place")
    make_working_copy(folder / "api")
    (folder / "butler.toml").write_text(
        f'data_dir = "data"\nrepos.api.path = "api"\n[access]\nowners = ["{OWNER}"]\n'
        'chats = ["team@g.us"]\n[plugins]\nenabled = ["session"]\n'
    )
    return folder


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "index"]
    return {path: path.read_bytes() for path in files if folder / "data" not in path.parents}


@settings(max_examples=40)
@given(st.lists(messages, max_size=20))
def test_whatever_is_written_nothing_fails_and_no_stranger_is_answered(place, said):
    before = contents(place)

    async def talk():
        async with open_chat(read_setup(place / "butler.toml")) as chat:
            people = {"owner": chat, "member": chat.person("+4930222222")}
            for number, (role, head, text, details) in enumerate(said):
                if role == "stranger":
                    sender = STRANGERS[number % len(STRANGERS)]
                    stranger = chat.chat(sender.lid or "closed@g.us")
                    assert await stranger(head + text, sender=sender, **details) == []
                else:
                    await people[role](head + text, **details)
            return chat

    chat = asyncio.run(talk())

    assert not {each.result for each in chat.records.audit} & {"failed", "stopped"}
    assert all(each.rule == "not allowed" for each in chat.ignored if each.sender == "999@lid")
    assert contents(place) == before
