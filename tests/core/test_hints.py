"""What is said to messages that nothing answers."""

import asyncio
from dataclasses import replace

import pytest

from butler import Plugin
from butler.app import open_bot, read_setup
from butler.core import hints
from butler.core.plugin import Settings
from butler.records.model import MemoryRecords
from butler.testing import OWNER, Chat, FakeTransport

ANNA = "+4930111111"
DIRECT = "4930111111@s.whatsapp.net"


class Listening(Plugin):
    """Takes plain text in one group, and says what to do elsewhere."""

    def takes_text(self, ctx):
        return ctx.chat_id == "listening@g.us"

    def text_hint(self, ctx):
        return "Plain text is for the listening group."


@pytest.fixture
def now(mocker):
    clock = mocker.patch("butler.core.bot.time.monotonic", return_value=1000.0)

    def at(seconds):
        clock.return_value = 1000.0 + seconds

    return at


@pytest.fixture
async def owner(butler_toml, tmp_path, now):
    path = tmp_path / "butler.toml"
    chats = '"team@g.us", "listening@g.us"'
    path.write_text(
        butler_toml.replace('"team@g.us", "other@g.us"', chats) + f'users = ["{ANNA}"]\n'
    )
    made = read_setup(path)
    plugins = {"help": made.plugins["help"], "listening": Listening(Settings())}
    setup = replace(made, plugins=plugins)
    transport, records = FakeTransport(), MemoryRecords()
    async with open_bot(setup, transport, records) as bot:

        async def said(chat, text, **details):
            before = len(transport.sent)
            await bot.handle(replace(chat.message(text), **details))
            return [each.reply.text for each in transport.sent[before:]]

        yield _Saying(Chat(transport, records, bot, sender=OWNER), said)


class _Saying:
    """A person in a chat whose messages are handled one by one."""

    def __init__(self, chat, said):
        self.chat, self._said = chat, said

    async def __call__(self, text, **details):
        return await self._said(self.chat, text, **details)

    def within(self, chat_id, sender=None):
        chat = self.chat.chat(chat_id)
        return _Saying(chat.person(sender) if sender else chat, self._said)


@pytest.fixture
def anna(owner):
    return owner.within(DIRECT, ANNA)


HELP = "/help lists the commands."


@pytest.mark.parametrize(
    ("text", "details", "hint"),
    [
        ("hello there", {}, f"Plain text is for the listening group. {HELP}"),
        ("/etc/passwd is readable", {}, f"Plain text is for the listening group. {HELP}"),
        ("/zzzzzzz api", {}, f"There is no /zzzzzzz. {HELP}"),
        ("/zzzzzzz", {}, f"There is no /zzzzzzz. {HELP}"),
        ("", {"media": "picture"}, f"I cannot read a picture. {HELP}"),
        ("", {"media": "voice message"}, f"I cannot read a voice message. {HELP}"),
        ("", {"media": "audio file"}, f"I cannot read an audio file. {HELP}"),
        ("look", {"media": "picture"}, f"Plain text is for the listening group. {HELP}"),
        (
            "/use api",
            {"is_forwarded": True},
            "Forwarded messages are not obeyed. Copy the text into a message of your own.",
        ),
    ],
)
async def test_nobody_meets_silence_in_a_direct_chat(anna, text, details, hint):
    assert await anna(text, **details) == [hint]


async def test_without_a_plugin_for_plain_text_it_is_just_no_command(anna, mocker):
    mocker.patch.object(Listening, "text_hint", Plugin.text_hint)

    assert await anna("hello") == [f"That is not a command. {HELP}"]


async def test_a_chat_gets_one_hint_a_minute(anna, owner, now):
    assert len(await anna("hello")) == 1
    now(59.9)
    assert await anna("hello") == []
    assert await anna("", media="sticker") == []
    assert len(await owner.within("owner@lid")("hello", is_own=True)) == 1
    now(60.0)
    assert len(await anna("hello")) == 1


async def test_of_several_at_once_the_first_gets_the_hint(owner):
    chat = owner.chat.chat(DIRECT).person(ANNA)
    first, second = chat.message("hello"), chat.message("/zzzzzzz")
    serving = asyncio.create_task(chat.bot.serve())
    for each in (first, second):
        chat.transport.receive(each)
    chat.transport.close()
    await serving

    assert [each.reply.answers for each in chat.transport.sent] == [first]


async def test_other_groups_stay_silent(owner):
    for message in ({"text": "hello"}, {"text": "/zzzzzzz"}, {"text": "", "media": "picture"}):
        assert await owner(**message) == []
        assert await owner(**message, is_forwarded=True) == []


async def test_where_plain_text_is_taken_nothing_meets_silence(owner, now):
    listening = owner.within("listening@g.us")

    assert await listening("", media="picture") == [
        "I cannot read a picture. Write what you want as text."
    ]
    now(60)
    assert await listening("/zzzzzzz") == [f"There is no /zzzzzzz. {HELP}"]


async def test_what_the_owner_writes_to_others_is_none_of_its_business(owner):
    friend = owner.within("4930999999@s.whatsapp.net")

    assert await friend("hello", is_own=True) == []
    assert await friend("/zzzzzzz", is_own=True) == []


async def test_where_there_is_only_the_owner_they_are_answered(owner):
    owner.chat.transport.owner_chat_id = None

    assert len(await owner.within("console")("hello", is_own=True)) == 1


async def test_a_reaction_gets_no_hint(anna):
    assert await anna("👍", is_reaction=True) == []


async def test_a_stranger_gets_no_hint(owner):
    stranger = owner.within("4930123456@s.whatsapp.net", "+4930123456")

    assert [each for each in await stranger("hello") if "help" in each] == []


async def test_of_many_chats_not_all_are_remembered(owner, monkeypatch):
    monkeypatch.setattr(hints, "MAX_CHATS", 2)
    for number in range(5):
        chat = owner.within(f"49301111{number}@s.whatsapp.net")
        assert len(await chat("hello")) == 1

    assert len(owner.chat.bot._hints._given_at) <= 2
