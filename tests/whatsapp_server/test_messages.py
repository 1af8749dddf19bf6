"""Every kind of message to a bot that is linked, and what the bot makes of it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from whatsapp_server import (
    STATUS,
    Addressing,
    Content,
    Group,
    Person,
    WhatsAppServer,
    contents,
    element,
)
from whatsapp_server.bot_process import BotProcess

pytestmark = [pytest.mark.wire, pytest.mark.asyncio(loop_scope="module")]


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


@pytest.fixture(scope="module")
def team(server: WhatsAppServer, alice: Person) -> Group:
    return server.group("Team", [alice, server.person("Bob")])


@pytest.mark.parametrize("addressing", ["lid", "pn"])
async def test_a_direct_message_is_answered_to_the_lid(
    server: WhatsAppServer, bot: BotProcess, alice: Person, addressing: Addressing
) -> None:
    sent = await server.send_text("hello", sender=alice, addressing=addressing)
    reply = await server.next_reply()

    assert (reply.text, reply.chat, reply.quoted_id) == ("echo hello", alice, sent.id)
    event = await bot.wait("message", id=sent.id)
    assert event["sender"] == str(alice.jid(addressing))
    assert event["other"] == str(alice.other_jid(addressing))


@pytest.mark.parametrize("addressing", ["lid", "pn"])
async def test_a_group_message_reaches_every_member(
    server: WhatsAppServer, bot: BotProcess, alice: Person, addressing: Addressing
) -> None:
    group = server.group("A group", [alice, server.person("Carol")], addressing=addressing)
    sent = await server.send_text("hello", sender=alice, chat=group)
    reply = await server.next_reply()

    assert (reply.text, reply.chat) == ("echo hello", group)
    assert list(reply.readers.values()).count("skmsg") == 3
    event = await bot.wait("message", id=sent.id, text="hello")
    assert event["is_group"]
    assert event["sender"] == str(alice.jid(addressing))


async def test_the_first_group_message_of_a_sender_comes_as_two_events(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    sent = await server.send_text("hi", sender=alice, chat=server.group("New", [alice]))
    await server.next_reply()

    parts = [event["fields"] for event in bot.having("message", id=sent.id)]
    assert "senderKeyDistributionMessage" in parts[0]
    assert "conversation" in parts[1]


@pytest.mark.parametrize(
    "content",
    [
        contents.text("read me", bare=False),
        contents.image("read me"),
        contents.video("read me"),
        contents.document("read me"),
        contents.ephemeral(contents.text("read me")),
        contents.view_once(contents.image("read me")),
    ],
    ids=["extended", "image", "video", "document", "ephemeral", "view once"],
)
async def test_text_arrives_wherever_it_sits(
    server: WhatsAppServer, alice: Person, content: Content
) -> None:
    await server.send(content, sender=alice)

    assert (await server.next_reply()).text == "echo read me"


@pytest.mark.parametrize(
    "content",
    [
        contents.audio(),
        contents.sticker(),
        contents.location(),
        contents.contact("Zoe"),
        contents.poll("Lunch?", ["yes", "no"]),
        contents.unknown(),
    ],
    ids=["audio", "sticker", "location", "contact", "poll", "unknown"],
)
async def test_a_message_without_text_is_an_event_without_text(
    server: WhatsAppServer, bot: BotProcess, alice: Person, content: Content
) -> None:
    sent = await server.send(content, sender=alice)

    assert (await bot.wait("message", id=sent.id))["text"] == ""


async def test_edits_revokes_and_reactions_are_messages_with_ids_of_their_own(
    server: WhatsAppServer, bot: BotProcess, alice: Person, team: Group
) -> None:
    first = await server.send_text("/quiet", sender=alice, chat=team)
    edit = await server.send(contents.edit(first, "new"), sender=alice, chat=team)
    reaction = await server.send(contents.reaction(first, "👍"), sender=alice, chat=team)
    revoke = await server.send(contents.revoke(first), sender=alice, chat=team)

    assert (await bot.wait("message", id=edit.id))["edit"] == "1"
    assert (await bot.wait("message", id=revoke.id))["edit"] == "7"
    assert "reactionMessage" in (await bot.wait("message", id=reaction.id))["fields"]


async def test_a_reply_to_the_bot_quotes_it(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    await server.send_text("hello", sender=alice)
    reply = await server.next_reply()
    sent = await server.send_text("/quiet why?", sender=alice, quote=reply, mentions=[alice])

    assert (await bot.wait("message", id=sent.id))["fields"][0] == "extendedTextMessage"


async def test_status_updates_and_channels_are_told_apart_by_their_address(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    status = await server.send_text("/quiet", sender=alice, chat=STATUS)
    news = await server.send_text("news", sender=alice, chat=server.newsletter("News"))
    listed = await server.send_text("/quiet", sender=alice, chat=server.broadcast_list())

    event = await bot.wait("message", id=status.id, text="/quiet")
    assert (event["chat"], event["is_group"]) == ("status@broadcast", True)
    assert (await bot.wait("message", id=news.id))["chat"].endswith("@newsletter")
    assert (await bot.wait("message", id=listed.id))["chat"].endswith("@broadcast")


async def test_what_the_owner_types_on_the_phone_is_the_accounts_own(
    server: WhatsAppServer, bot: BotProcess, alice: Person, team: Group
) -> None:
    direct = await server.send_text("/quiet", sender=server.owner, chat=alice)
    in_group = await server.send_text("/quiet", sender=server.owner, chat=team)

    event = await bot.wait("message", id=direct.id)
    assert (event["chat"], event["is_own"]) == (str(alice.lid_jid), True)
    event = await bot.wait("message", id=in_group.id, text="/quiet")
    assert (event["chat"], event["is_own"]) == (str(team.jid), True)


@pytest.mark.parametrize("addressing", ["lid", "pn"])
async def test_the_owner_can_talk_to_the_bot_in_the_chat_with_oneself(
    server: WhatsAppServer, bot: BotProcess, addressing: Addressing
) -> None:
    sent = await server.send_text("note", sender=server.owner, addressing=addressing)

    assert (await server.next_reply()).chat is server.owner
    event = await bot.wait("message", id=sent.id)
    assert event["chat"] == str(server.owner.jid(addressing))


async def test_a_person_may_hide_the_phone_number(server: WhatsAppServer, bot: BotProcess) -> None:
    stranger = server.person("Stranger", shows_other_address=False)
    sent = await server.send_text("hello", sender=stranger)

    assert (await server.next_reply()).chat is stranger
    assert (await bot.wait("message", id=sent.id))["other"] == ""


async def test_all_devices_of_a_person_send_and_read(
    server: WhatsAppServer, bot: BotProcess
) -> None:
    dora = server.person("Dora", device_count=3)
    sent = await server.send_text("hello", sender=dora, device=2)
    reply = await server.next_reply()

    assert (await bot.wait("message", id=sent.id))["sender"] == str(dora.lid_jid.with_device(2))
    assert {str(dora.lid_jid.with_device(number)) for number in range(3)} <= set(reply.readers)
    assert "error" not in str(reply.readers)


async def test_the_longest_text_arrives_whole(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    text = "/quiet" + "x" * 65_530
    sent = await server.send_text(text, sender=alice)

    assert (await bot.wait("message", id=sent.id))["text"] == text


async def test_a_duplicate_is_an_event_only_when_encrypted_anew(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    sent = await server.send_text("/quiet", sender=alice)
    await server.wait_acknowledged(sent)
    server.redeliver(sent)
    server.redeliver(sent, fresh=True)
    last = await server.send_text("/quiet", sender=alice)
    await bot.wait("message", id=last.id)

    assert len(bot.having("message", id=sent.id)) == 2


async def test_a_damaged_message_is_repaired_by_a_retry(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    sent = await server.send_text("/quiet", sender=alice, damage="once")
    await bot.wait("message", id=sent.id)

    assert "retry" in sent.receipts
    assert bot.having("undecryptable", id=sent.id)


async def test_a_message_that_stays_damaged_never_arrives(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    sent = await server.send_text("/quiet", sender=alice, damage="always")
    await server.timeline.until(lambda: sent.receipts.count("retry") >= 3)
    last = await server.send_text("/quiet", sender=alice)
    await bot.wait("message", id=last.id)

    assert not bot.having("message", id=sent.id)


async def test_senseless_stanzas_do_no_harm(
    server: WhatsAppServer, bot: BotProcess, alice: Person
) -> None:
    server.send_stanza(element("message", {"from": alice.lid_jid}))
    server.send_stanza(element("nonsense", {"id": "1"}, data=b"\0"))
    sent = await server.send_text("/quiet", sender=alice)

    await bot.wait("message", id=sent.id)
