"""From the library's events to messages."""

import pytest
from neonize.proto.waCommon.WACommon_pb2 import MessageKey
from neonize.proto.waE2E import WAWebProtobufsE2E_pb2 as e2e

from butler.chat.message import Person
from butler.transports.whatsapp.account import Account
from butler.transports.whatsapp.gateway import contents
from butler.transports.whatsapp.gateway.translation import Translator, key
from butler.transports.whatsapp.journal.database import Journal
from butler.transports.whatsapp.journal.inbox import Key
from butler.transports.whatsapp.protocol.frames import MAX_TEXT_CHARS
from library_events import event

ACCOUNT = Account("+15550100000", "900@lid", device=3)
PHONE, LID = "15550200001@s.whatsapp.net", "800@lid"
TEAM = "120363@g.us"
Content = e2e.Message


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.sqlite3") as journal:
        yield journal


@pytest.fixture
def translator(journal):
    return Translator(ACCOUNT, journal.people, journal.outbox)


def _wrapped(name, content):
    return Content(**{name: e2e.FutureProofMessage(message=content)})


def _context(**fields):
    return e2e.ContextInfo(**fields)


def _in_context(**fields):
    return Content(extendedTextMessage={"text": "hi", "contextInfo": fields})


TEXT = Content(conversation="hi")
OWN_WORDS = {
    "documentWithCaptionMessage",
    "editedMessage",
    "ephemeralMessage",
    "groupMentionedMessage",
    "spoilerMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
}
WRAPPERS = {
    field.name
    for field in Content.DESCRIPTOR.fields
    if field.message_type is e2e.FutureProofMessage.DESCRIPTOR
}


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        Content(extendedTextMessage=e2e.ExtendedTextMessage(text="hi")),
        Content(imageMessage=e2e.ImageMessage(caption="hi")),
        Content(videoMessage=e2e.VideoMessage(caption="hi")),
        Content(documentMessage=e2e.DocumentMessage(caption="hi")),
        Content(ptvMessage=e2e.VideoMessage(caption="hi")),
        Content(liveLocationMessage=e2e.LiveLocationMessage(caption="hi")),
        *(_wrapped(name, TEXT) for name in sorted(OWN_WORDS)),
        _wrapped("viewOnceMessageV2", Content(imageMessage=e2e.ImageMessage(caption="hi"))),
        _wrapped("documentWithCaptionMessage", Content(documentMessage={"caption": "hi"})),
        _wrapped("ephemeralMessage", _wrapped("viewOnceMessageV2Extension", TEXT)),
        Content(deviceSentMessage=e2e.DeviceSentMessage(message=TEXT)),
        Content(
            senderKeyDistributionMessage={"groupID": TEAM},
            messageContextInfo={"messageSecret": b"1"},
            conversation="hi",
        ),
    ],
)
def test_the_text_is_found_in_every_kind_and_wrapper(translator, content):
    received = event(content)
    message = translator.message(received)

    assert message.text == "hi"
    assert translator.refusal(received, message) is None


def test_most_wrappers_are_around_the_words_of_others():
    assert len(WRAPPERS - OWN_WORDS) > 20


@pytest.mark.parametrize("name", sorted(WRAPPERS - OWN_WORDS - {"botForwardedMessage"}))
def test_words_of_others_are_not_read_as_the_senders_own(translator, name):
    received = event(_wrapped(name, Content(imageMessage=e2e.ImageMessage(caption="hi"))))
    message = translator.message(received)

    assert message.text == ""
    assert message.media or translator.refusal(received, message)


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (Content(imageMessage={"mimetype": "image/jpeg"}), "picture"),
        (Content(imageMessage={"caption": "hi"}), "picture"),
        (_wrapped("viewOnceMessageV2", Content(imageMessage={"viewOnce": True})), "picture"),
        (Content(videoMessage={"seconds": 3}), "video"),
        (Content(ptvMessage={"seconds": 3}), "video"),
        (Content(documentMessage={"fileName": "a.txt"}), "document"),
        (Content(audioMessage={"PTT": True}), "voice message"),
        (Content(audioMessage={"PTT": False}), "audio file"),
        (Content(stickerMessage={"isAnimated": True}), "sticker"),
        (_wrapped("lottieStickerMessage", Content(stickerMessage={"isLottie": True})), "sticker"),
        (Content(stickerPackMessage={"caption": "all of them"}), "sticker"),
        (Content(contactMessage={"displayName": "Zoe"}), "contact"),
        (Content(contactsArrayMessage={"displayName": "2 people"}), "contact"),
        (Content(locationMessage={"name": "here"}), "location"),
        (Content(liveLocationMessage={"sequenceNumber": 1}), "location"),
        *(
            (Content(**{f"pollCreationMessage{form}": {"name": "?"}}), "poll")
            for form in ("", "V2", "V3", "V5", "V6")
        ),
        (_wrapped("pollCreationMessageV4", Content(pollCreationMessage={"name": "?"})), "poll"),
        (Content(eventMessage={"name": "Lunch"}), "event"),
        (Content(eventInviteMessage={"caption": "come"}), "event"),
        (Content(groupInviteMessage={"caption": "come"}), "invitation"),
    ],
)
def test_what_a_person_sends_beside_text_is_handed_over_by_its_name(translator, content, media):
    received = event(content)
    message = translator.message(received)

    assert message.media == media
    assert message.text in ("", "hi")
    assert translator.refusal(received, message) is None


@pytest.mark.parametrize(
    "mark",
    [
        {"isForwarded": True},
        {"forwardingScore": 1},
        {"forwardOrigin": "META_AI"},
        {"forwardedNewsletterMessageInfo": {"newsletterName": "News"}},
        {"businessMessageForwardInfo": {"businessOwnerJID": LID}},
        {"forwardedAiBotMessageInfo": {"botName": "Meta AI"}},
        {"botMessageSharingInfo": {}},
    ],
)
def test_a_message_is_forwarded_by_each_of_the_marks(translator, mark):
    assert translator.message(event(_in_context(**mark))).is_forwarded
    assert not translator.message(event(_in_context(mentionedJID=["801@lid"]))).is_forwarded


def test_an_answer_of_an_ai_that_was_passed_on_is_a_forward_without_words(translator):
    received = event(_wrapped("botForwardedMessage", TEXT))
    message = translator.message(received)

    assert (message.text, message.is_forwarded) == ("", True)
    assert translator.refusal(received, message) is None


def test_a_message_has_its_time_in_seconds_and_the_name_of_its_sender(translator):
    message = translator.message(event(time_ms=1_700_000_000_500, name="Al"))

    assert (message.time, message.name, message.is_own) == (1_700_000_000.5, "Al", False)


def test_quotes_and_mentions_are_understood(translator):
    text = e2e.ExtendedTextMessage(
        text="see",
        contextInfo=_context(
            stanzaID="Q1", mentionedJID=["801:4@lid", "491234567@s.whatsapp.net", "all"]
        ),
    )

    message = translator.message(event(Content(extendedTextMessage=text)))

    assert message.quoted_id == "Q1"
    assert message.mentions == (Person(lid="801@lid"), Person(phone="+491234567"))


@pytest.mark.parametrize(
    ("context", "is_to_bot", "is_forwarded", "quoted_sender"),
    [
        ({"mentionedJID": ["900@lid"]}, True, False, None),
        ({"mentionedJID": ["801@lid"]}, False, False, None),
        ({"isForwarded": True}, False, True, None),
        ({"stanzaID": "Q", "participant": "801:2@lid"}, False, False, Person(lid="801@lid")),
    ],
)
def test_what_surrounds_a_text_is_understood(
    translator, context, is_to_bot, is_forwarded, quoted_sender
):
    text = e2e.ExtendedTextMessage(text="see", contextInfo=_context(**context))
    message = translator.message(event(Content(extendedTextMessage=text)))

    assert message.is_to_bot is is_to_bot
    assert message.is_forwarded is is_forwarded
    assert message.quoted_sender == quoted_sender


@pytest.mark.parametrize(
    ("key", "fields", "target"),
    [
        ({"participant": "801@lid"}, {"chat": TEAM}, Person(lid="801@lid")),
        ({"fromMe": True}, {}, Person(lid=LID)),
        ({}, {}, ACCOUNT.person),
        ({}, {"chat": TEAM}, None),
    ],
)
def test_a_reaction_is_a_message_about_another(translator, key, fields, target):
    content = Content(reactionMessage={"key": {"ID": "A0", **key}, "text": "👍"})
    received = event(content, **fields)
    message = translator.message(received)

    assert (message.text, message.is_reaction, message.quoted_id) == ("👍", True, "A0")
    assert message.quoted_sender == target
    assert translator.refusal(received, message) is None


@pytest.mark.parametrize(
    ("participant", "quoted_id"),
    [
        ("900@lid", "SENT"),
        ("900:3@lid", "SENT"),
        ("15550100000@s.whatsapp.net", "SENT"),
        ("801@lid", "SENT of 801@lid"),
        ("15550300001@s.whatsapp.net", "SENT of +15550300001"),
        ("", "SENT"),
    ],
)
def test_nobody_elses_message_passes_for_a_reply_by_its_id(
    translator, journal, participant, quoted_id
):
    journal.outbox.begin("k", TEAM)
    journal.outbox.sent("k", "SENT")
    target = {"ID": "SENT", "remoteJID": TEAM, "participant": participant}
    reaction = Content(reactionMessage={"key": target, "text": "👍"})
    context = _context(stanzaID="SENT", participant=participant)
    answer = Content(extendedTextMessage={"text": "yes", "contextInfo": context})

    for each in (reaction, answer):
        assert translator.message(event(each, chat=TEAM)).quoted_id == quoted_id


def test_of_an_account_whose_lid_is_not_known_replies_by_lid_count(journal):
    translator = Translator(Account("+15550100000", None, 3), journal.people, journal.outbox)
    journal.outbox.begin("k", TEAM)
    journal.outbox.sent("k", "SENT")
    context = _context(stanzaID="SENT", participant="900@lid")
    answer = Content(extendedTextMessage={"text": "yes", "contextInfo": context})

    assert translator.message(event(answer, chat=TEAM)).quoted_id == "SENT"


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("@15550100000 /use api", "/use api"),
        ("  @900: /use api", "/use api"),
        ("@15550100000, /use api", "/use api"),
        ("@155501000001 /use api", "@155501000001 /use api"),
        ("hello @15550100000", "hello"),
        ("/repo @15550100000", "/repo"),
        ("yes @15550100000 please", "yes please"),
        ("ask @155501000001 or me@15550100000x", "ask @155501000001 or me@15550100000x"),
        ("@15550100000", ""),
    ],
)
def test_a_mention_of_the_account_is_cut_off_wherever_it_stands(translator, text, rest):
    message = translator.message(event(text))

    assert (message.text, message.is_to_bot) == (rest, rest != text)


@pytest.mark.parametrize(
    ("fields", "person"),
    [
        ({"sender": LID, "alt": PHONE}, Person("+15550200001", LID)),
        ({"sender": PHONE, "alt": LID, "device": 5}, Person("+15550200001", LID)),
        ({"sender": LID}, Person(lid=LID)),
        ({"sender": PHONE}, Person("+15550200001")),
        ({"sender": LID, "chat": TEAM, "alt": PHONE}, Person("+15550200001", LID)),
    ],
)
def test_a_person_is_known_by_all_addresses_that_are_shown(translator, fields, person):
    sender = translator.message(event(**fields)).sender

    assert (sender.phone, sender.lid) == (person.phone, person.lid)


@pytest.mark.parametrize("address", [LID, PHONE])
def test_a_pair_of_addresses_is_learnt_and_used_when_one_is_missing(translator, address):
    translator.message(event(sender=LID, alt=PHONE))

    message = translator.message(event(sender=address))

    assert (message.sender.phone, message.sender.lid) == ("+15550200001", LID)
    assert message.chat_id == LID


def test_a_lid_that_has_the_digits_of_a_phone_number_is_somebody_else(translator):
    translator.message(event(sender="800@s.whatsapp.net", alt="801@lid"))

    assert translator.message(event(sender="800@lid")).sender.phone is None


@pytest.mark.parametrize(
    ("fields", "chat_id"),
    [
        ({"sender": LID, "alt": PHONE}, LID),
        ({"sender": PHONE, "alt": LID}, LID),
        ({"sender": PHONE}, PHONE),
        ({"sender": LID, "chat": TEAM}, TEAM),
        ({"sender": "900@lid", "chat": PHONE, "recipient_alt": LID, "is_own": True}, LID),
        ({"sender": "900@lid", "chat": "900@lid", "is_own": True}, "900@lid"),
        (
            {
                "sender": "15550100000@s.whatsapp.net",
                "chat": "15550100000@s.whatsapp.net",
                "is_own": True,
            },
            "900@lid",
        ),
    ],
)
def test_one_persons_direct_chat_is_one_chat(translator, fields, chat_id):
    assert translator.message(event(**fields)).chat_id == chat_id


def test_the_owners_own_phone_is_the_account(translator):
    received = event(sender="900@lid", chat=LID, is_own=True)
    message = translator.message(received)

    assert message.is_own
    assert message.sender == ACCOUNT.person
    assert translator.refusal(received, message) is None


def _protocol(kind, **fields):
    key = MessageKey(ID="A0", remoteJID=LID)
    return Content(protocolMessage=e2e.ProtocolMessage(key=key, type=kind, **fields))


def _sealed(kind, target="A0"):
    key = {"ID": target, "participant": "801@lid"}
    return Content(secretEncryptedMessage={"targetMessageKey": key, "secretEncType": kind})


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("newsletter", {"chat": "1@newsletter"}),
        ("status or broadcast list", {"chat": "status@broadcast"}),
        ("own reply", {"sender": "900@lid", "is_own": True, "device": 3}),
        ("own reply", {"sender": "900@lid", "is_own": True, "message_id": "SENT"}),
        ("unknown sender", {"sender": "800@hosted"}),
        ("chat with an AI", {"sender": "867051314767696@bot"}),
        ("chat with an AI", {"sender": "867051314767696@bot", "chat": TEAM}),
        ("chat with an AI", {"sender": "13135550002@s.whatsapp.net"}),
        ("chat with an AI", {"sender": "900@lid", "chat": "867051314767696@bot", "is_own": True}),
        (
            "chat with an AI",
            {"sender": "900@lid", "chat": "13135550002@s.whatsapp.net", "is_own": True},
        ),
        (
            "chat with an AI",
            {
                "sender": "900@lid",
                "chat": "700@lid",
                "recipient_alt": "13165550042@s.whatsapp.net",
                "is_own": True,
            },
        ),
        ("question to an AI", {"content": _in_context(mentionedJID=["867051314767696@bot"])}),
        (
            "question to an AI",
            {"content": _in_context(mentionedJID=["13135550002@s.whatsapp.net"])},
        ),
        (
            "question to an AI",
            {"content": Content(conversation="hi", messageContextInfo={"botMetadata": {}})},
        ),
        ("question to an AI", {"content": _wrapped("botInvokeMessage", TEXT)}),
        ("words of an AI", {"content": Content(richResponseMessage={})}),
        ("status post", {"content": _wrapped("groupStatusMessage", TEXT)}),
        ("status post", {"content": _in_context(isGroupStatus=True)}),
        ("channel", {"content": _wrapped("questionMessage", TEXT)}),
        ("part of another message", {"content": Content(albumMessage={"expectedImageCount": 2})}),
        ("too long", {"content": "x" * (MAX_TEXT_CHARS + 1)}),
        ("reaction", {"content": Content(encReactionMessage={"encPayload": b"1"})}),
        ("reaction removed", {"content": Content(reactionMessage={"key": {"ID": "A0"}})}),
        ("poll", {"content": Content(pollUpdateMessage={"senderTimestampMS": 1})}),
        ("not a text", {"content": Content(pinInChatMessage={"type": "PIN_FOR_ALL"})}),
        ("not a text", {"content": " \n"}),
        ("unknown kind", {"content": Content()}),
        ("unknown kind", {"content": Content(messageContextInfo={"messageSecret": b"1"})}),
        ("deleted", {"content": _protocol(e2e.ProtocolMessage.REVOKE)}),
        ("withdrawn", {"content": _protocol(e2e.ProtocolMessage.REVOKE), "message_id": "A0"}),
        (
            "edited after it was handled",
            {"content": _protocol(e2e.ProtocolMessage.MESSAGE_EDIT, editedMessage=TEXT)},
        ),
        ("edit not readable", {"content": _sealed("MESSAGE_EDIT")}),
        ("edit not readable", {"content": _sealed("MESSAGE_EDIT", "A1")}),
        ("sealed", {"content": _sealed("POLL_EDIT")}),
        ("protocol", {"content": _protocol(e2e.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST)}),
    ],
)
def test_what_is_not_acted_on_has_a_rule(translator, journal, rule, fields):
    journal.outbox.begin("k", LID)
    journal.outbox.sent("k", "SENT")
    received = event(**fields)

    refusal = translator.refusal(received, translator.message(received))

    assert refusal is not None
    assert refusal.rule == rule


def test_endless_wrappers_are_no_text(translator):
    content = TEXT
    for _ in range(20):
        content = _wrapped("ephemeralMessage", content)

    assert translator.message(event(content)).text == ""


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"sender": PHONE, "alt": LID, "device": 2}, Key("A1", LID, LID)),
        ({"sender": LID, "alt": PHONE}, Key("A1", LID, LID)),
        ({"sender": PHONE}, Key("A1", PHONE, PHONE)),
        ({"sender": LID, "chat": TEAM}, Key("A1", TEAM, LID)),
        (
            {"sender": "900@lid", "chat": PHONE, "recipient_alt": LID, "is_own": True},
            Key("A1", LID, "900@lid"),
        ),
    ],
)
def test_the_same_message_has_the_same_key_however_it_is_addressed(fields, expected):
    assert key(event(**fields).Info) == expected


def test_the_event_that_only_brings_a_group_key_is_told_from_its_message():
    bare = Content(senderKeyDistributionMessage={"groupID": TEAM})
    with_text = Content(senderKeyDistributionMessage={"groupID": TEAM}, conversation="hi")

    assert contents.is_key_only(bare)
    assert not contents.is_key_only(with_text)
    assert not contents.is_key_only(Content())


@pytest.mark.parametrize("wrapper", [None, "editedMessage"])
def test_an_edit_names_the_message_and_its_new_content(wrapper):
    content = _protocol(e2e.ProtocolMessage.MESSAGE_EDIT, editedMessage=TEXT)
    if wrapper:
        content = _wrapped(wrapper, content)

    assert contents.change(content) == contents.Change("A0", TEXT, is_edit=True)


def test_a_deletion_names_the_message_and_takes_its_place():
    content = _protocol(e2e.ProtocolMessage.REVOKE)

    assert contents.change(content) == contents.Change("A0", content)


def test_a_sealed_edit_names_its_message():
    content = _sealed("MESSAGE_EDIT")

    assert contents.change(content) == contents.Change("A0", content, is_sealed=True)


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        _protocol(e2e.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST),
        _sealed("EVENT_EDIT"),
        _sealed("POLL_ADD_OPTION"),
        Content(),
    ],
)
def test_what_changes_no_message_is_none(content):
    assert contents.change(content) is None
