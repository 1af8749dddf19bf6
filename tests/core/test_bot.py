import asyncio
import logging
import re
import time
from dataclasses import replace

import pytest

from butler import PASS, Context, Plugin, Role, UserError, command, listener
from butler.access.loop_guard import LoopGuard
from butler.access.rate_limits import Buckets
from butler.app import open_bot, read_setup
from butler.builtin.help import HelpPlugin
from butler.core.bot import IGNORED_AT_A_TIME
from butler.core.dispatcher import APOLOGY, TOO_SLOW, TURN_LIMIT_S
from butler.core.gate import Gate
from butler.core.handlers import commands_of
from butler.core.plugin import Settings
from butler.core.router import Router
from butler.errors import DataError, TransportError
from butler.records.model import MemoryRecords
from butler.testing import Chat, FakeTransport, open_chat


class GatePlugin(Plugin):
    """Handlers that a test can hold up, and some that go wrong."""

    def __init__(self):
        super().__init__(Settings())
        self.opened = asyncio.Event()
        self.has_entered = asyncio.Event()
        self.entered = []
        self.is_open = False

    async def __aenter__(self):
        self.is_open = True
        return self

    async def __aexit__(self, *error):
        self.is_open = False

    @command()
    async def wait(self, ctx: Context, *, name: str) -> str:
        """Answer when the gate is opened."""
        self.entered.append(name)
        self.has_entered.set()
        await self.opened.wait()
        return f"{name} is through"

    @command()
    async def note(self, ctx: Context, *, name: str) -> None:
        """Answer nothing."""
        self.entered.append(name)

    @command()
    async def refuse(self, ctx: Context) -> str:
        """Refuse."""
        raise UserError("Not today.")

    @command()
    async def give_up(self, ctx: Context) -> str:
        """Refuse because something else went wrong."""
        try:
            raise OSError("no space left")
        except OSError as error:
            raise UserError("Not now.") from error

    @command()
    async def crash(self, ctx: Context) -> str:
        """Go wrong."""
        raise ZeroDivisionError

    @command(only_reads=True)
    async def look(self, ctx: Context) -> None:
        """Look, and change nothing."""
        self.entered.append("looked")

    @command()
    async def save(self, ctx: Context) -> None:
        """Need a file that cannot be written."""
        raise DataError("/srv/notes cannot be used: the disk is full; free it.", "the disk is full")

    @command()
    async def hang(self, ctx: Context) -> None:
        """Never answer."""
        self.has_entered.set()
        await asyncio.Event().wait()

    @command(needs=Role.OWNER)
    async def rule(self, ctx: Context) -> str:
        """Answer an owner."""
        return "As you wish."

    @command()
    async def work(self, ctx: Context) -> str:
        """Start work that outlives the turn."""

        async def work() -> None:
            await self.opened.wait()
            await ctx.reply("The work is done.")

        ctx.start(work(), "work")
        return "The work has begun."

    @command()
    async def slip(self, ctx: Context) -> None:
        """Start work that goes wrong."""

        async def work() -> None:
            raise ZeroDivisionError

        ctx.start(work(), "slip")


@pytest.fixture
def gate():
    return GatePlugin()


@pytest.fixture
def setup(butler_toml, tmp_path, gate):
    path = tmp_path / "gate.toml"
    path.write_text(butler_toml)
    made = read_setup(path)
    plugins = {"help": HelpPlugin(Settings()), "gate": gate}
    commands = [each for name, plugin in plugins.items() for each in commands_of(plugin, name)]
    router = Router(commands)
    buckets = (Buckets(600, 100, time.monotonic) for _ in range(2))
    gate = Gate(made.gate.access, router, *buckets, LoopGuard(time.monotonic))
    return replace(made, plugins=plugins, router=router, gate=gate)


def heard_by(setup, hears):
    """Add a plugin that listens."""

    class Ears(Plugin):
        @listener
        async def hear(self, ctx: Context) -> str:
            return await hears(ctx)

    return replace(setup, plugins={**setup.plugins, "ears": Ears(Settings())})


@pytest.fixture
async def talk(setup):
    async with open_chat(setup) as chat:
        yield chat


async def test_messages_of_one_chat_are_handled_in_order(talk, gate):
    first, second = talk.message("/wait first"), talk.message("/note second")
    talk.transport.receive(first)
    talk.transport.receive(second)
    assert await talk.chat("other@g.us")("/note elsewhere") == []

    assert gate.entered == ["first", "elsewhere"]
    gate.opened.set()
    await talk.transport.wait_until_acknowledged(second)

    assert gate.entered == ["first", "elsewhere", "second"]
    assert [each.reply.text for each in talk.transport.sent] == ["first is through"]


async def test_a_message_that_was_withdrawn_before_its_turn_is_not_acted_on(talk, gate):
    first, second = talk.message("/wait first"), talk.message("/note second")
    talk.transport.receive(first)
    talk.transport.receive(second)
    await gate.has_entered.wait()
    talk.transport.withdrawn |= {first.id, second.id}
    gate.opened.set()
    await talk.transport.wait_until_acknowledged(second)

    assert gate.entered == ["first"]
    assert [each.reply.text for each in talk.transport.sent] == ["first is through"]


async def test_a_reply_quotes_the_message(talk):
    await talk("/rule")

    assert talk.transport.sent[0].reply.answers.text == "/rule"


async def test_what_the_user_can_mend_is_the_reply(talk):
    assert await talk("/refuse") == ["Not today."]


async def test_the_cause_of_a_refusal_is_for_the_log_only(talk, caplog):
    assert await talk("/give-up") == ["Not now."]
    assert await talk("/refuse") == ["Not today."]

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == "a command was refused: no space left"


async def test_what_is_decided_on_each_message_is_in_the_log_of_who_wants_details(talk, caplog):
    caplog.set_level(logging.DEBUG, "butler")

    for text in ("/refuse", "my secret text", "/secretive"):
        await talk(text)

    decisions = [each.getMessage() for each in caplog.records if "who is" in each.getMessage()]
    assert [each.partition(": ")[2] for each in decisions] == [
        "calls /refuse",
        "is heard as plain text",
        "not a command",
    ]
    assert "secret" not in caplog.text


async def test_each_command_is_a_line_in_the_log_without_its_text(talk, caplog):
    caplog.set_level(logging.DEBUG, "butler")

    await talk("/refuse")
    await talk("/give-up")
    await talk("/crash secret words")

    lines = [each.getMessage() for each in caplog.records if each.levelname == "INFO"]
    assert [re.sub(r"\d+ ms", "N ms", each) for each in lines] == [
        "/refuse refused in N ms",
        "/give-up refused in N ms",
        "/crash refused in N ms",
    ]
    assert "secret" not in caplog.text


async def test_a_bug_is_answered_by_one_apology_and_logged_once(talk, caplog):
    assert await talk("/crash") == [APOLOGY]
    assert await talk("/refuse") == ["Not today."]

    assert [record.message for record in caplog.records] == ["a turn failed"]
    assert caplog.records[0].exc_info[0] is ZeroDivisionError


async def test_a_file_that_cannot_be_used_is_a_reason_for_the_chat_and_a_line_in_the_log(
    talk, caplog
):
    (said,) = await talk("/save")

    assert "cannot be used: the disk is full" in said
    assert "/srv" not in said
    assert [record.message for record in caplog.records] == [
        "a turn failed: /srv/notes cannot be used: the disk is full; free it."
    ]
    assert caplog.records[0].exc_info is None


@pytest.mark.parametrize(("text", "is_refused"), [("/note a", True), ("/look", False)])
async def test_what_cannot_be_recorded_is_not_done_unless_it_only_reads(
    talk, gate, text, is_refused
):
    talk.records.problem = "the disk is full"
    said = await talk(text)

    assert any("cannot record what I do (the disk is full)" in each for each in said) is is_refused
    assert gate.entered == ([] if is_refused else ["looked"])
    assert talk.records.audit[-1].result == ("refused" if is_refused else "done")


async def test_a_handler_that_hangs_does_not_hold_its_chat_for_ever(talk, gate, clock, caplog):
    message = talk.message("/hang")
    talk.transport.receive(message)
    await gate.has_entered.wait()
    clock.put_forward(TURN_LIMIT_S)
    await talk.transport.wait_until_acknowledged(message)

    assert [each.reply.text for each in talk.transport.sent] == [TOO_SLOW]
    assert "a turn was stopped after 120 s" in caplog.text


@pytest.mark.parametrize("text", ["hello", "", "/etc/passwd is readable", "/zzzzzzzz", "\0"])
async def test_what_is_no_command_is_left_alone_and_recorded(talk, text):
    assert await talk(text) == []

    (entry,) = talk.ignored
    assert (entry.rule, entry.chat_id) == ("not a command", "team@g.us")


async def test_what_is_no_text_is_recorded_by_its_name(talk):
    assert await talk("", media="picture") == []

    (entry,) = talk.ignored
    assert (entry.rule, entry.detail) == ("not a text", "picture")


@pytest.mark.parametrize(
    ("text", "details", "had_effect"),
    [
        ("hello", {}, False),
        ("", {"media": "picture"}, False),
        ("/zzzzzzzz", {}, False),
        ("/refus", {}, False),
        ("/refuse too much", {}, False),
        ("/use nowhere", {}, False),
        ("/refuse", {}, True),
        ("/note", {}, False),
        ("/note this", {}, True),
        ("/crash", {}, True),
    ],
)
async def test_an_edit_counts_as_new_where_no_handler_was_called(talk, text, details, had_effect):
    await talk(text, **details)

    assert [each.text for each in talk.transport.without_effect] == [text] * (not had_effect)


async def test_what_a_listener_answers_has_an_effect(setup):
    async def hears(ctx):
        return "I hear." if ctx.message.text == "hello" else PASS

    transport = FakeTransport()
    async with open_bot(setup, transport, MemoryRecords()) as bot:
        bot._dispatcher._listeners = (hears,)
        for text in ("hello", "good-bye"):
            await bot.handle(Chat(transport, MemoryRecords(), bot).message(text))

    assert [each.text for each in transport.without_effect] == ["good-bye"]


async def test_a_command_that_is_nearly_right_gets_a_hint(talk):
    assert await talk("/refus") == ["There is no /refus. Did you mean /refuse?"]


async def test_a_stranger_gets_no_answer_and_is_recorded(talk):
    stranger = talk.person("+4930123456").chat("4930123456@s.whatsapp.net")

    assert await stranger("/rule") == []

    (entry,) = talk.ignored
    assert (entry.rule, entry.sender) == ("not allowed", "+4930123456")
    assert "rule" not in entry.detail


async def test_a_flood_of_strangers_does_not_keep_a_turn_waiting(talk):
    first, second = talk.message("/rule"), talk.chat("other@g.us").message("/rule")
    stranger = talk.person("+4930123456").chat("4930123456@g.us")
    flood = [stranger.message("hello") for _ in range(10 * IGNORED_AT_A_TIME)]
    middle = len(flood) // 2
    for each in (first, *flood[:middle], second, *flood[middle:]):
        talk.transport.receive(each)
    await talk.transport.wait_until_acknowledged(flood[-1])

    order = talk.transport.acknowledged
    assert order.index(first) < middle
    assert order.index(second) < len(flood)


@pytest.fixture
def two_turns(monkeypatch):
    """Make room for no more than two turns at a time."""
    monkeypatch.setattr("butler.core.bot.MAX_TURNS", 2)


async def test_a_flood_of_strangers_takes_no_place_of_a_turn(two_turns, talk, gate):
    talk.transport.receive(talk.message("/wait first"))
    talk.transport.receive(talk.message("/note second"))
    last = talk.person("+4930123456").chat("4930123456@g.us").message("hello")
    talk.transport.receive(last)
    await talk.transport.wait_until_acknowledged(last)

    assert gate.entered == ["first"]
    gate.opened.set()


async def test_answers_to_plain_text_are_limited(setup):
    async def hears(ctx):
        raise UserError("I hear.")

    setup = heard_by(setup, hears)
    buckets = (Buckets(600, 2, time.monotonic) for _ in range(2))
    gate = Gate(setup.gate.access, setup.router, *buckets, LoopGuard(time.monotonic))
    transport, records = FakeTransport(), MemoryRecords()
    async with open_bot(replace(setup, gate=gate), transport, records) as bot:
        member = Chat(transport, records, bot).person("77@lid")
        for _ in range(4):
            await bot.handle(member.message("hello"))

    assert [each.reply.text for each in transport.sent] == ["I hear."] * 2
    assert [each.rule for each in records.entries] == ["rate"] * 2


async def test_everybody_in_an_open_chat_is_a_user(talk):
    member = talk.person("77@lid")

    assert await member("/refuse") == ["Not today."]
    assert await member("/rule") == ["/rule is for owners only."]
    assert await talk("/rule") == ["As you wish."]


async def test_help_leaves_out_what_the_sender_may_not_do(talk):
    (owners,), (users,) = await talk("/help"), await talk.person("77@lid")("/help")

    assert "/rule" in owners
    assert "/rule" not in users
    assert await talk.person("77@lid")("/help rule") == ["No such command. /help lists them."]


async def test_help_explains_one_command(talk):
    assert await talk("/help help") == [
        "*/help [command]*\nList the commands, or explain one.\n\n"
        "/help use explains /use.\n\nAlso: /commands, /start"
    ]
    assert await talk("/help refus") == ["No such command. Did you mean /refuse? /help lists them."]


async def test_a_job_outlives_its_turn(talk, gate):
    assert await talk("/work") == ["The work has begun."]
    gate.opened.set()

    assert await talk.next_reply() == "The work is done."


async def test_jobs_are_finished_before_the_bot_ends(setup, gate):
    gate.opened.set()
    async with open_chat(setup) as chat:
        await chat("/work")

    assert chat.transport.sent[-1].reply.text == "The work is done."


async def test_a_test_that_failed_and_left_a_job_behind_does_not_hang(setup, monkeypatch):
    async def failing():
        async with open_chat(setup) as chat:
            await chat("/work")
            monkeypatch.setattr("butler.testing.fixtures.ANSWER_LIMIT_S", 0.05)

    with pytest.raises(ExceptionGroup) as failed:
        await failing()
    assert failed.group_contains(TimeoutError)


async def test_a_job_that_fails_ends_alone(talk, caplog):
    assert await talk("/slip") == []
    assert await talk("/rule") == ["As you wish."]

    assert "job slip failed" in caplog.text


async def test_a_bot_that_is_stopped_ends_its_turns_but_not_its_jobs(setup, gate):
    transport = FakeTransport()
    async with open_bot(setup, transport, MemoryRecords()) as bot:
        serving = asyncio.create_task(bot.serve())
        chat = Chat(transport, MemoryRecords(), bot)
        await chat("/work")
        waiting = chat.message("/wait here")
        transport.receive(waiting)
        await gate.has_entered.wait()
        bot.stop()
        transport.receive(chat.message("/note too late"))
        gate.opened.set()
        await serving

    assert gate.entered == ["here"]
    assert waiting in transport.acknowledged


async def test_a_bot_that_never_served_can_be_stopped(setup):
    async with open_bot(setup, FakeTransport(), MemoryRecords()) as bot:
        bot.stop()


async def test_a_reply_that_cannot_be_sent_does_not_end_the_bot(talk, mocker, caplog):
    caplog.set_level(logging.WARNING)
    mocker.patch.object(talk.transport, "send", side_effect=TransportError("The link is gone."))
    message = talk.message("/rule")
    talk.transport.receive(message)
    await talk.transport.wait_until_acknowledged(message)

    assert "a reply was not sent: The link is gone." in caplog.text


async def test_a_command_is_begun_before_its_handler_acts(talk, gate):
    message = talk.message("/wait here")
    talk.transport.receive(message)
    await gate.has_entered.wait()

    assert talk.transport.begun == [(message, True)]
    gate.opened.set()
    await talk.transport.wait_until_acknowledged(message)


@pytest.mark.parametrize("text", ["/rul", "hello", "/etc/passwd"])
async def test_what_no_handler_acts_on_is_not_begun(talk, text):
    await talk(text)

    assert talk.transport.begun == []


async def test_what_listeners_hear_is_begun(setup):
    async def hears(ctx):
        assert transport.begun == [(ctx.message, True)]
        return "I hear."

    transport = FakeTransport()
    async with open_bot(heard_by(setup, hears), transport, MemoryRecords()) as bot:
        await bot.handle(Chat(transport, MemoryRecords(), bot).message("hello"))

    assert [each.reply.text for each in transport.sent] == ["I hear."]


async def test_a_turn_that_was_cancelled_is_not_acknowledged(setup, gate):
    transport = FakeTransport()
    async with open_bot(setup, transport, MemoryRecords()) as bot:
        chat = Chat(transport, MemoryRecords(), bot)
        turn = asyncio.create_task(bot.handle(chat.message("/wait here")))
        await gate.has_entered.wait()
        turn.cancel()
        await asyncio.wait([turn])

    assert transport.acknowledged == []


async def test_nothing_is_kept_of_a_chat_that_is_quiet(talk):
    await talk("/rule")
    await asyncio.sleep(0)

    assert len(talk.bot._services.turns) == 0


async def test_plugins_are_open_while_the_bot_is(setup, gate):
    async with open_bot(setup, FakeTransport(), MemoryRecords()):
        assert gate.is_open
    assert not gate.is_open


@pytest.mark.parametrize("prefix", ["!", "~"])
async def test_replies_name_commands_with_the_prefix_in_use(butler_toml, tmp_path, prefix):
    path = tmp_path / "prefix.toml"
    path.write_text(f'prefix = "{prefix}"\n{butler_toml}')
    async with open_chat(read_setup(path)) as chat:
        assert await chat(f"{prefix}repo") == [
            f"This chat has no active repo. {prefix}repos lists them, "
            f"{prefix}use <repo> selects one."
        ]
        assert await chat("/repo") == []


async def test_control_characters_of_the_outside_do_not_reach_the_chat(talk):
    (reply,) = await talk("/help \x1b[31m\u202ered")

    assert reply.isascii()
    assert "\x1b" not in reply


async def test_two_bots_do_not_talk_for_ever_and_the_owner_is_told(talk):
    other_bot = talk.person("77@lid")
    await talk("/refuse")

    assert await other_bot("/refuse", quoted_id="reply-1") == ["Not today."]
    assert await other_bot("/refuse", quoted_id="reply-2") == []
    assert await talk.person("88@lid")("/refuse") == []

    told = [each for each in talk.transport.sent if each.chat_id == "owner@lid"]
    assert [each.reply.text for each in told] == [
        "Another bot is echoing my commands in team@g.us, so I am ignoring that chat for a minute."
    ]
    assert [entry.rule for entry in talk.ignored] == ["muted", "muted"]


async def test_an_owner_is_heard_in_a_chat_that_is_muted(talk):
    other_bot = talk.person("77@lid")
    await talk("/refuse")
    for number in range(3):
        await other_bot("/refuse", quoted_id=f"reply-{number}")

    assert await talk("/refuse") == ["Not today."]
    assert await talk("/refuse", quoted_id="reply-1") == ["Not today."]
    assert await talk("/refuse", quoted_id="reply-1") == ["Not today."]
