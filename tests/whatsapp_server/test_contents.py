"""Every kind of content is what it says it is."""

from dataclasses import dataclass

import pytest

from whatsapp_server import Content, Person, contents, message_secrets, wrappers
from whatsapp_server.descriptions import Description, description


@dataclass(frozen=True)
class _Target:
    """A message to quote, to change or to react to."""

    id: str = "ID"
    raw: bytes = contents.text("before").raw
    author: str = "1@lid"
    chat_address: str = "2@g.us"
    is_from_bot: bool = True


_ZOE = Person("Zoe", "15550000000", "8")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (contents.text("hi"), Description("text", "hi")),
        (contents.text("hi", bare=False), Description("text", "hi")),
        (contents.text("hi", quote=_Target()), Description("text", "hi", "ID")),
        (contents.text("@8", mentions=[_ZOE]), Description("text", "@8", None, ("8@lid",))),
        (contents.image("look"), Description("image", "look")),
        (contents.video("look", quote=_Target()), Description("video", "look", "ID")),
        (contents.document("read"), Description("document", "read")),
        (contents.document(), Description("document")),
        (contents.ephemeral(contents.text("hi")), Description("text", "hi")),
        (contents.view_once(contents.image("look")), Description("image", "look")),
        (contents.wrapped("spoiler", contents.text("hi")), Description("text", "hi")),
        (contents.forwarded("hi"), Description("text", "hi")),
        (
            contents.ask_assistant("hi"),
            Description("text", "hi", None, ("867051314767696@bot",)),
        ),
        (
            contents.wrapped("botForwarded", contents.text("hi")),
            Description("forwarded from an AI"),
        ),
        (contents.audio(), Description("audio")),
        (contents.video_note(), Description("video note")),
        (contents.sticker(), Description("sticker")),
        (contents.sticker_pack("all"), Description("sticker pack")),
        (contents.location(), Description("location")),
        (contents.location(is_live=True), Description("live location")),
        (contents.contact("Zoe"), Description("contact")),
        (contents.contact("Zoe", "Yan"), Description("contacts")),
        (contents.poll("Lunch?", ["yes", "no"]), Description("poll")),
        (contents.poll("Lunch?", ["yes", "no"], 64), Description("poll")),
        (contents.event("Lunch"), Description("event")),
        (contents.event_invitation("come"), Description("event invitation")),
        (contents.group_invitation("come"), Description("group invitation")),
        (contents.album(2), Description("album")),
        (contents.pin(_Target()), Description("pin")),
        (contents.sealed_edit(_Target(), "after"), Description("sealed edit", target_id="ID")),
        (contents.edit(_Target(), "after"), Description("edit", "after", target_id="ID")),
        (contents.revoke(_Target()), Description("revoke", target_id="ID")),
        (contents.reaction(_Target(), "👍"), Description("reaction", "👍", target_id="ID")),
        (contents.unknown(), Description("unknown: 4000")),
    ],
    ids=lambda value: value.kind if isinstance(value, Description) else "",
)
def test_a_content_can_be_described(content: Content, expected: Description) -> None:
    assert description(content.raw) == expected


def test_what_a_device_tells_the_others_is_the_message_itself() -> None:
    copy = wrappers.device_sent("1@lid", contents.text("hi").raw)

    assert description(copy) == Description("text", "hi")


@pytest.mark.parametrize("name", wrappers.WRAPPERS)
def test_the_secret_stays_beside_a_wrapper(name: str) -> None:
    content = contents.text("hi")

    assert contents.wrapped(name, content).secret == content.secret != b""


def test_an_edit_is_sealed_as_whatsapp_does_it() -> None:
    """The numbers are those that public clients compute for the same message."""
    about = message_secrets.About("3EB0C0FFEE0123456789AB", *["80000000000001@lid"] * 2)
    plain = bytes.fromhex(
        "62400a2e0a123830303030303030303030303031406c696410011a16334542304330464645453031323334353637"
        "38394142100e72050a0374776f7880d8c1a28c34"
    )
    secret, iv = bytes(range(32)), bytes(range(0xA0, 0xAC))

    assert message_secrets.key(secret, message_secrets.MESSAGE_EDIT, about).hex() == (
        "7d87423aa2255933697c765525d19b7a096d0a6dde99d635c119e836e976d1c8"
    )
    sealed = message_secrets.seal(plain, secret, message_secrets.MESSAGE_EDIT, about, iv)
    assert sealed.payload.hex() == (
        "e99c8a83033d1d7859e0697bed52404bb11503787d9ba4c59f8e02fcf172ad37d94a867406aba5e25b3f99726e67"
        "f243c0f1176014bb7380c2c8e6d01f54d941ed148a6bbb14d47d011089bd20c8039a59c1"
    )
