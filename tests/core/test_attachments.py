"""Messages with files: what is fetched, and what of it is one message."""

import asyncio
from dataclasses import replace

import pytest

from butler import PASS, Attachment, Context, Plugin, command, listener
from butler.app import open_bot, read_setup
from butler.core.handlers import commands_of
from butler.core.plugin import Settings
from butler.core.router import Router
from butler.records.model import MemoryRecords
from butler.testing import Chat, FakeTransport, make_message, open_chat


class FilePlugin(Plugin):
    """Handlers that take files, or do not."""

    def __init__(self):
        super().__init__(Settings())
        self.seen = []
        self.takes_plain_text = True

    def takes_files(self, ctx):
        return self.takes_plain_text

    @command(takes_files=True)
    async def look(self, ctx: Context, *, at: str = "") -> str:
        """Take the files of the message."""
        self.seen.append(ctx.message)
        return f"{at}: {', '.join(each.name for each in ctx.message.attachments)}"

    @command()
    async def say(self, ctx: Context, *, what: str = "") -> str:
        """Take no files."""
        self.seen.append(ctx.message)
        return what

    @listener
    async def hear(self, ctx: Context):
        self.seen.append(ctx.message)
        names = ", ".join(each.name for each in ctx.message.attachments)
        return f"heard {names}" if ctx.message.attachments else PASS


@pytest.fixture
def plugin():
    return FilePlugin()


@pytest.fixture
def setup(butler_toml, tmp_path, plugin):
    path = tmp_path / "butler.toml"
    path.touch(0o600)
    path.write_text(f"{butler_toml}\n[media]\nmax_mb = 1\nper_run = 3\n")
    setup = read_setup(path)

    plugins = {"files": plugin}
    router = Router(commands_of(plugin, "files"))
    gate = setup.gate
    gate._router = router
    return replace(setup, plugins=plugins, router=router)


@pytest.fixture
async def chat(setup):
    async with open_chat(setup) as chat:
        yield chat


def picture(name="a.png", size=1_000, kind="picture"):
    return Attachment(kind, name, "image/png", size)


async def test_a_command_that_takes_files_gets_them_fetched(chat, plugin):
    assert await chat("/look here", attachments=(picture(),)) == ["here: a.png"]

    assert [each.id for each in chat.transport.fetched] == [plugin.seen[0].id]


async def test_nothing_is_fetched_for_a_command_that_takes_no_files(chat):
    assert await chat("/say hello", attachments=(picture(),)) == ["hello"]

    assert chat.transport.fetched == []


async def test_nothing_is_fetched_where_no_plugin_takes_it(chat, plugin):
    plugin.takes_plain_text = False

    await chat("look", attachments=(picture(),))

    assert chat.transport.fetched == []


async def test_the_file_of_a_stranger_is_never_fetched(chat):
    stranger = chat.person("+4930999999").chat("+4930999999@s.whatsapp.net")

    await stranger("/look", attachments=(picture(),))

    assert chat.transport.fetched == []


async def test_a_file_that_cannot_be_had_is_said_and_nothing_is_done(chat, plugin):
    chat.transport.unfetchable = "WhatsApp no longer has this file. Send it again."

    assert await chat("/look", attachments=(picture(),)) == [chat.transport.unfetchable]
    assert plugin.seen == []
    assert chat.ignored[-1].rule == "no file"


async def test_a_file_that_is_too_large_is_refused_before_it_is_fetched(chat):
    (said,) = await chat("/look", attachments=(picture(size=1_500_000, kind="video"),))

    assert said == "The video has 1.5 MB, and 1 MB is the most. Send a smaller one."
    assert chat.transport.fetched == []


async def test_a_file_that_is_larger_than_its_sender_said_is_refused(chat, plugin):
    async def fetched(message):
        return tuple(replace(each, size=1_500_000) for each in message.attachments)

    chat.transport.fetch = fetched
    (said,) = await chat("/look", attachments=(picture(size=1, kind="video"),))

    assert said == "The video has 1.5 MB, and 1 MB is the most. Send a smaller one."
    assert plugin.seen == []


async def test_too_many_files_are_refused_before_they_are_fetched(chat):
    (said,) = await chat("/look", attachments=(picture(),) * 4)

    assert said.startswith("4 files are too many at a time: 3 is the most.")
    assert chat.transport.fetched == []


async def send_album(chat, *messages):
    for each in messages:
        chat.transport.receive(each)
    for each in messages:
        await chat.transport.wait_until_acknowledged(each)
    return [each.reply.text for each in chat.transport.sent]


def part(text="", name="a.png", **details):
    return make_message(text, attachments=(picture(name),), **details)


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_files_in_a_row_are_one_message_wherever_its_caption_is(chat, plugin, place):
    captions = ["", "", ""]
    captions[place] = "/look all"
    parts = [part(text, f"{number}.png") for number, text in enumerate(captions)]

    assert await send_album(chat, *parts) == ["all: 0.png, 1.png, 2.png"]
    assert {each.id for each, _is_told in chat.transport.begun} == {each.id for each in parts}


async def test_the_parts_of_an_album_with_too_many_files_are_refused_as_one(chat):
    (said,) = await send_album(chat, part("/look all"), part(), part(), part())

    assert said.startswith("4 files are too many at a time")


async def test_two_captions_are_two_messages(chat, plugin):
    said = await send_album(chat, part("/look one", "1.png"), part("/look two", "2.png"))

    assert said == ["one: 1.png", "two: 2.png"]


async def test_files_of_two_people_are_two_messages(chat):
    other = make_message(attachments=(picture("2.png"),), sender=chat.person("+4930123456").sender)

    said = await send_album(chat, part("/look one", "1.png"), other)

    assert sorted(said) == ["heard 2.png", "one: 1.png"]


async def test_a_voice_message_is_not_part_of_an_album(chat):
    voice = make_message(attachments=(picture("v.ogg", kind="voice message"),))

    said = await send_album(chat, part("/look one", "1.png"), voice)

    assert said == ["one: 1.png", "heard v.ogg"]


async def test_a_message_that_is_deleted_while_its_file_is_fetched_does_nothing(chat, plugin):
    message = part("/look")
    fetch = chat.transport.fetch

    async def withdrawn(of):
        chat.transport.withdrawn.add(of.id)
        return await fetch(of)

    chat.transport.fetch = withdrawn
    assert await send_album(chat, message) == []
    assert plugin.seen == []


async def test_more_files_are_waited_for_before_a_command_begins(setup, plugin):
    transport = FakeTransport()
    opening = open_bot(setup, transport, MemoryRecords(), gather_s=20.0)
    async with opening as bot, asyncio.TaskGroup() as group:
        group.create_task(bot.serve())
        chat = Chat(transport, MemoryRecords(), bot)
        first, last = part("/look all", "1.png"), part(name="30.png")
        transport.receive(first)
        for number in range(2, 30):
            transport.receive(part(name=f"{number}.png"))
        transport.receive(last)  # the most that one album takes, so that nobody waits for more
        await transport.wait_until_acknowledged(last)
        transport.close()

    (sent,) = transport.sent
    assert sent.reply.text.startswith("30 files are too many")
    assert chat.sender == first.sender


async def test_a_second_caption_takes_nothing_from_the_album_before_it(chat):
    parts = [part("/look one", "1.png"), part("", "2.png"), part("/look two", "3.png")]

    assert await send_album(chat, *parts) == ["one: 1.png, 2.png", "two: 3.png"]


async def test_a_file_of_an_album_that_is_deleted_is_left_out(chat):
    parts = [part("/look all", "1.png"), part("", "2.png"), part("", "3.png")]
    chat.transport.withdrawn.add(parts[1].id)

    assert await send_album(chat, *parts) == ["all: 1.png, 3.png"]
