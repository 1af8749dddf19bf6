"""What becomes of the bot's own messages."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from whatsapp_server import Person, WhatsAppServer
from whatsapp_server.bot_process import BotProcess

pytestmark = [pytest.mark.wire, pytest.mark.asyncio(loop_scope="module")]

_READ = 4


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BotProcess]:
    async with (
        WhatsAppServer() as server,
        BotProcess(server, tmp_path_factory.mktemp("bot")) as bot,
    ):
        await bot.link()
        yield bot


@pytest.fixture(scope="module")
def server(bot: BotProcess) -> WhatsAppServer:
    return bot.server


@pytest.fixture(scope="module")
def alice(server: WhatsAppServer) -> Person:
    return server.person("Alice")


async def test_a_message_is_acknowledged_to_the_bot(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    await server.send_text("/send hello", sender=alice)
    reply = await server.next_reply()

    assert (reply.kind, reply.text, reply.quoted_id) == ("text", "hello", None)
    await bot.wait("sent", id=reply.id)


async def test_the_bot_hears_that_its_message_was_read(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    await server.send_text("/send hello", sender=alice)
    server.read(await server.next_reply())

    await bot.wait("receipt", type=_READ)


async def test_a_reader_without_keys_asks_again(server: WhatsAppServer, alice: Person) -> None:
    await server.send_text("/send hello", sender=alice)
    await server.next_reply()
    alice.devices[0].forget_sessions()
    mark = server.timeline.mark()
    await server.send_text("/send again", sender=server.owner, chat=alice)

    assert (await server.next_reply()).text == "again"
    assert server.timeline.names(mark)[:2] == ["asked-again", "unreadable"]


async def test_a_group_member_without_keys_asks_again(
    server: WhatsAppServer, alice: Person
) -> None:
    bob = server.person("Bob")
    team = server.group("Team", [alice, bob])
    await server.send_text("/send hello", sender=alice, chat=team)
    await server.next_reply()
    bob.devices[0].forget_bot()
    mark = server.timeline.mark()
    await server.send_text("/send again", sender=alice, chat=team)
    reply = await server.next_reply()
    await server.timeline.wait("repaired", since=mark)

    assert reply.readers[str(bob.lid_jid)] in ("msg", "pkmsg")


async def test_an_edit_names_the_message_it_changes(server: WhatsAppServer, alice: Person) -> None:
    await server.send_text("/edit", sender=alice)
    first = await server.next_reply()
    edit = await server.next_reply()

    assert (first.text, edit.kind, edit.text) == ("one", "edit", "two")
    assert edit.edited_id == first.id


async def test_typing_is_recorded(server: WhatsAppServer, alice: Person) -> None:
    await server.send_text("/type", sender=alice)
    await server.timeline.until(lambda: len(server.chat_states) == 2)

    assert [state.state for state in server.chat_states] == ["composing", "paused"]
    assert all(state.chat is alice for state in server.chat_states)


async def test_a_document_can_be_read(server: WhatsAppServer, alice: Person) -> None:
    await server.send_text("/file the long answer", sender=alice)
    reply = await server.next_reply()

    assert reply.kind == "document"
    assert reply.document is not None
    assert reply.document.data == b"the long answer"
    assert reply.document.file_name == "answer.txt"
    assert reply.document.mime_type == "text/plain"
    assert reply.document.caption == reply.text == "see"


async def test_an_upload_can_fail(server: WhatsAppServer, bot: BotProcess, alice: Person) -> None:
    mark = bot.mark()
    server.faults.reject_uploads(507)
    await server.send_text("/file x", sender=alice)
    event = await bot.wait("send-error", since=mark)
    server.faults.accept_uploads()

    assert "507" in event["error"]


async def test_the_bot_can_ask_who_is_in_a_group(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    team = server.group("Team", [alice])
    await server.send_text("/group", sender=alice, chat=team)

    await bot.wait("group", subject="Team", size=2)


@pytest.mark.parametrize("error", [463, 479, 500])
async def test_a_message_can_be_rejected(
    server: WhatsAppServer, bot: BotProcess, alice: Person, error: int
) -> None:
    mark = bot.mark()
    server.faults.reject_messages(error, count=1)
    await server.send_text("/send one", sender=alice)
    event = await bot.wait("send-error", since=mark)
    await server.send_text("/send two", sender=alice)

    assert event["error"] == f"server returned error {error}"
    assert (await server.next_reply()).text == "two"


async def test_messages_can_be_rejected_until_told_otherwise(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    server.faults.reject_messages(463)
    for _ in range(2):
        mark = bot.mark()
        await server.send_text("/send no", sender=alice)
        await bot.wait("send-error", since=mark)
    server.faults.accept_messages()
    await server.send_text("/send yes", sender=alice)

    assert (await server.next_reply()).text == "yes"


async def test_acknowledgements_can_be_held(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    server.faults.hold_acknowledgements()
    await server.send_text("/send late", sender=alice)
    reply = await server.next_reply()
    assert not bot.having("sent", id=reply.id)
    server.faults.release_acknowledgements()

    await bot.wait("sent", id=reply.id)


async def test_a_message_whose_acknowledgement_is_lost_is_sent_again_after_a_reconnect(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    mark = server.timeline.mark()
    server.faults.lose_acknowledgements(count=1)
    await server.send_text("/send twice", sender=alice)
    reply = await server.next_reply()
    server.faults.drop()

    await server.timeline.wait("resent", since=mark)
    await bot.wait("sent", id=reply.id)
    assert [other.text for other in server.replies].count("twice") == 1
