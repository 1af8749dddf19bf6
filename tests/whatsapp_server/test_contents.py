"""Every kind of content is what it says it is."""

from dataclasses import dataclass

import pytest

from whatsapp_server import Content, Person, contents
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
        (contents.audio(), Description("audio")),
        (contents.sticker(), Description("sticker")),
        (contents.location(), Description("location")),
        (contents.contact("Zoe"), Description("contact")),
        (contents.poll("Lunch?", ["yes", "no"]), Description("poll")),
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
    copy = contents.device_sent("1@lid", contents.text("hi").raw)

    assert description(copy) == Description("text", "hi")
