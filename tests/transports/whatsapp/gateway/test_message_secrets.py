"""Edits that are sealed with the secret of their message."""

from itertools import product

import pytest
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content

from butler.chat.message import Person
from butler.transports.whatsapp.gateway.contents import Change, change
from butler.transports.whatsapp.gateway.message_secrets import opened
from whatsapp_server import message_secrets

LID, PHONE = "80000000000001@lid", "15550200001@s.whatsapp.net"
ALICE = Person(phone="+15550200001", lid=LID)
ID = "3EB0C0FFEE0123456789AB"
SECRET = bytes(range(32))
MESSAGE = Content(conversation="one", messageContextInfo={"messageSecret": SECRET})


def _plain(text="two", kind="MESSAGE_EDIT", **info):
    protocol = {"key": {"ID": ID}, "type": kind, "editedMessage": {"conversation": text}}
    return Content(protocolMessage=protocol, messageContextInfo=info).SerializeToString()


def _sealed(plain=None, author=LID, editor=LID, secret=SECRET):
    payload, iv = message_secrets.seal(
        _plain() if plain is None else plain, secret, "Message Edit", (ID, author, editor)
    )
    return Content(
        secretEncryptedMessage={
            "targetMessageKey": {"ID": ID, "fromMe": True, "participant": author},
            "encPayload": payload,
            "encIV": iv,
            "secretEncType": "MESSAGE_EDIT",
        },
        messageContextInfo={"messageSecret": b"another, for the edit's own id"},
    )


def _opened(content, target=MESSAGE, sender=ALICE):
    return opened(change(content), target, sender)


def test_the_numbers_are_those_of_public_clients():
    content = _sealed()
    content.secretEncryptedMessage.encIV = bytes(range(0xA0, 0xAC))
    content.secretEncryptedMessage.encPayload = bytes.fromhex(
        "e99c8a83033d1d7859e0697bed52404bb11503787d9ba4c59f8e02fcf172ad37d94a867406aba5e25b3f99726e67"
        "f243c0f1176014bb7380c2c8e6d01f54d941ed148a6bbb14d47d011089bd20c8039a59c1"
    )

    assert _opened(content) == Change(ID, Content(conversation="two"), is_edit=True)


@pytest.mark.parametrize(("author", "editor"), [*product([LID, PHONE], repeat=2)])
def test_either_address_of_the_sender_may_be_in_it(author, editor):
    assert _opened(_sealed(author=author, editor=editor)).content.conversation == "two"


@pytest.mark.parametrize(
    ("content", "target", "sender"),
    [
        (_sealed(secret=bytes(32)), MESSAGE, ALICE),
        (_sealed(), Content(conversation="one"), ALICE),
        (_sealed(), MESSAGE, Person(lid="80000000000002@lid")),
        (_sealed(editor="80000000000002@lid"), MESSAGE, Person(lid="80000000000002@lid")),
        (_sealed(), MESSAGE, Person()),
        (_sealed(b"\xff no protobuf"), MESSAGE, ALICE),
        (_sealed(Content(conversation="two").SerializeToString()), MESSAGE, ALICE),
        (_sealed(_plain(kind="REVOKE")), MESSAGE, ALICE),
    ],
)
def test_what_is_no_edit_by_the_sender_stays_sealed(content, target, sender):
    assert _opened(content, target, sender) == Change(ID, content, is_sealed=True)


def test_broken_ciphertexts_stay_sealed():
    for field, value in (("encIV", b""), ("encPayload", b""), ("encPayload", bytes(40))):
        content = _sealed()
        setattr(content.secretEncryptedMessage, field, value)

        assert _opened(content).is_sealed


@pytest.mark.parametrize(
    ("info", "secret"), [({}, SECRET), ({"messageSecret": b"the next one"}, b"the next one")]
)
def test_an_edited_message_keeps_the_secret_for_its_next_edit(info, secret):
    message = Content()
    message.CopyFrom(MESSAGE)

    _opened(_sealed(_plain(**info))).apply(message)

    assert message.conversation == "two"
    assert message.messageContextInfo.messageSecret == secret


def test_an_edit_that_stays_sealed_does_not_bring_its_own_secret():
    message = Content()
    message.CopyFrom(MESSAGE)

    _opened(_sealed(secret=bytes(32))).apply(message)

    assert message.messageContextInfo.messageSecret == SECRET


def test_a_change_in_the_clear_stays_as_it_is():
    deletion = Content(protocolMessage={"key": {"ID": ID}, "type": "REVOKE"})

    assert opened(change(deletion), MESSAGE, ALICE) == change(deletion)
