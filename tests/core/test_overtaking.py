"""What does not wait for the turns before it in its chat."""

import asyncio
from dataclasses import replace
from typing import Literal

import pytest

from butler import PASS, Context, Pass, Plugin, command, listener
from butler.app import read_setup
from butler.core.handlers import commands_of
from butler.core.plugin import Settings
from butler.core.router import Router
from butler.testing import open_chat


class HaltPlugin(Plugin):
    """A handler that a test can hold up, and what overtakes it."""

    def __init__(self):
        super().__init__(Settings())
        self.opened = asyncio.Event()
        self.has_entered = asyncio.Event()
        self.entered = []

    @command()
    async def wait(self, ctx: Context) -> str:
        """Answer when the test says so."""
        self.entered.append("wait")
        self.has_entered.set()
        await self.opened.wait()
        return "Done."

    @command()
    async def note(self, ctx: Context) -> None:
        """Answer nothing."""
        self.entered.append("note")

    @command(only_reads=True)
    async def look(self, ctx: Context) -> str:
        """Change nothing."""
        return ", ".join(self.entered) or "Nothing."

    @command(overtakes=True)
    async def halt(self, ctx: Context, when: Literal["now", "later", "slowly"] = "now") -> str:
        """End something."""
        if when == "slowly":
            self.has_entered.set()
            await self.opened.wait()
        if when == "later" and await ctx.caught_up():
            return f"Halted after {', '.join(self.entered)}."
        return "Halted."

    def overtakes(self, ctx):
        if ctx.message.text == "crash":
            raise ZeroDivisionError
        return ctx.message.text == "halt!"

    @listener
    async def hear(self, ctx: Context) -> str | Pass:
        """Hear one word."""
        return "Heard." if ctx.message.text in {"halt!", "crash"} else PASS


@pytest.fixture
def plugin():
    return HaltPlugin()


@pytest.fixture
async def talk(butler_toml, tmp_path, plugin):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    setup = read_setup(path)
    router = Router(commands_of(plugin, "halt"))
    setup.gate._router = router
    async with open_chat(replace(setup, plugins={"halt": plugin}, router=router)) as chat:
        yield chat


@pytest.fixture
async def slow(talk, plugin):
    """Two messages, of which the first holds up the chat."""
    turns = [asyncio.create_task(talk("/wait"))]
    await plugin.has_entered.wait()
    turns.append(asyncio.create_task(talk("/note")))
    yield turns
    plugin.opened.set()
    await asyncio.gather(*turns)


async def test_a_command_that_overtakes_is_answered_while_another_turn_goes_on(talk, slow, plugin):
    assert await talk("/halt") == ["Halted."]
    assert plugin.entered == ["wait"]


async def test_what_overtakes_is_also_sent_ahead_of_other_replies(talk, plugin):
    plugin.opened.set()
    for text in ("/halt", "/wait"):
        await talk(text)

    assert [each.reply.is_urgent for each in talk.transport.sent] == [True, False]


async def test_plain_text_overtakes_where_a_plugin_says_so(talk, slow, plugin):
    assert await talk("halt!") == ["Heard."]
    assert plugin.entered == ["wait"]


async def test_plain_text_waits_where_a_plugin_cannot_tell(talk, slow, plugin):
    crash = asyncio.create_task(talk("crash"))
    await talk("/halt")
    assert not crash.done()

    plugin.opened.set()

    assert await crash == ["Heard."]


async def test_what_overtakes_can_wait_for_those_that_it_overtook(talk, slow, plugin):
    last = asyncio.create_task(talk("/halt later"))
    await talk("/halt")
    assert not last.done()

    plugin.opened.set()

    assert await last == ["Halted after wait, note."]


async def test_what_overtakes_nobody_waits_for_nobody(talk):
    assert await talk("/halt later") == ["Halted."]


async def test_a_message_taken_back_does_not_overtake(talk, slow):
    message = talk.message("/halt")
    talk.transport.withdrawn.add(message.id)
    talk.transport.receive(message)
    await talk.transport.wait_until_acknowledged(message)

    assert talk.transport.sent == []


async def test_what_only_reads_does_not_wait_for_what_ends_something(talk, plugin):
    halt = asyncio.create_task(talk("/halt slowly"))
    await plugin.has_entered.wait()

    assert await talk("/look") == ["Nothing."]
    note = asyncio.create_task(talk("/note"))
    await asyncio.sleep(0)
    look = asyncio.create_task(talk("/look"))
    plugin.opened.set()

    assert await halt == ["Halted."]
    await note
    assert await look == ["note"]


async def test_what_only_reads_waits_for_what_changes_something(talk, slow, plugin):
    look = asyncio.create_task(talk("/look"))
    await talk("/halt")

    plugin.opened.set()

    assert await look == ["wait, note"]
