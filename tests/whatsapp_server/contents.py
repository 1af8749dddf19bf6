"""What messages to the bot say: builders for every kind, as serialized protobuf.

Field numbers are those of WhatsApp's E2E.Message.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from whatsapp_server.people import Person
from whatsapp_server.protobuf import encode

_REVOKE, _EDIT = 0, 14
_UNKNOWN_FIELD = 4_000


class Quotable(Protocol):
    """A message that can be quoted, edited, revoked or reacted to."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def raw(self) -> bytes:
        """Its protobuf."""

    @property
    def author(self) -> str:
        """The address of who wrote it."""

    @property
    def chat_address(self) -> str:
        """The address of its chat."""

    @property
    def is_from_bot(self) -> bool:
        """Whether the bot wrote it."""


@dataclass(frozen=True, slots=True)
class Content:
    """A message's protobuf and what its stanza says about it in the clear."""

    raw: bytes
    stanza_type: str = "text"
    media_type: str = ""
    edit: str = ""


def text(
    text: str, *, quote: Quotable | None = None, mentions: Iterable[Person] = (), bare: bool = True
) -> Content:
    """A text; with a quote or mentions, or not bare, in its extended form, as phones do it."""
    context = _context(quote, mentions)
    if bare and not context:
        return Content(encode((1, text)) + _secret())
    return Content(encode((6, encode((1, text), (17, context or None)))) + _secret())


def _secret() -> bytes:
    return encode((35, encode((3, os.urandom(32)))))


def _context(quote: Quotable | None, mentions: Iterable[Person]) -> bytes:
    mentioned = [(15, str(person.lid_jid)) for person in mentions]
    if quote is None:
        return encode(*mentioned)
    return encode((1, quote.id), (2, quote.author), (3, quote.raw), *mentioned)


def image(caption: str = "", *, quote: Quotable | None = None) -> Content:
    """A picture; there is no file behind it."""
    context = _context(quote, ()) or None
    return _media(3, "image", (2, "image/jpeg"), (3, caption or None), (17, context))


def video(caption: str = "", *, quote: Quotable | None = None) -> Content:
    """A film; there is no file behind it."""
    context = _context(quote, ()) or None
    return _media(9, "video", (2, "video/mp4"), (7, caption or None), (17, context))


def document(caption: str = "", file_name: str = "notes.txt") -> Content:
    """A document as phones send it with a caption: inside a wrapper of its own."""
    plain = _media(7, "document", (2, "text/plain"), (8, file_name), (20, caption or None))
    return _wrapped(53, plain) if caption else plain


def audio() -> Content:
    """A voice message; there is no file behind it."""
    return _media(8, "audio", (2, "audio/ogg; codecs=opus"), (6, 1))


def sticker() -> Content:
    """A sticker; there is no file behind it."""
    return _media(26, "sticker", (5, "image/webp"))


def _media(number: int, media_type: str, *fields: tuple[int, int | str | bytes | None]) -> Content:
    raw = encode((number, encode((1, "https://mmg.whatsapp.net/v/none"), *fields)))
    return Content(raw + _secret(), "media", media_type)


def location() -> Content:
    """A place, without coordinates."""
    return Content(encode((5, encode((3, "Somewhere")))), "media", "location")


def contact(name: str) -> Content:
    """A contact card."""
    card = f"BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nEND:VCARD"
    return Content(encode((4, encode((1, name), (16, card)))), "media", "vcard")


def poll(question: str, options: Iterable[str]) -> Content:
    """A poll where one option can be chosen."""
    choices = [(3, encode((1, option))) for option in options]
    raw = encode((49, encode((1, os.urandom(32)), (2, question), *choices, (4, 1))))
    return Content(raw + _secret(), "poll")


def ephemeral(content: Content) -> Content:
    """The same in a chat with disappearing messages."""
    return _wrapped(40, content)


def view_once(content: Content) -> Content:
    """The same, to be seen only once."""
    return _wrapped(37, content)


def _wrapped(number: int, content: Content) -> Content:
    return replace(content, raw=encode((number, encode((1, content.raw)))))


def edit(target: Quotable, text: str) -> Content:
    """A new text for a message of the same sender; it has an id of its own."""
    edited = encode((1, text))
    protocol = encode((1, _key(target, is_own=True)), (2, _EDIT), (14, edited))
    return Content(encode((12, protocol)), edit="1")


def revoke(target: Quotable) -> Content:
    """The deletion, for everyone, of a message of the same sender."""
    return Content(encode((12, encode((1, _key(target, is_own=True)), (2, _REVOKE)))), edit="7")


def reaction(target: Quotable, emoji: str) -> Content:
    """A reaction; an empty one takes it back."""
    key = _key(target, is_own=False)
    return Content(encode((46, encode((1, key), (2, emoji)))), "reaction")


def _key(target: Quotable, *, is_own: bool) -> bytes:
    author = target.author if target.chat_address != target.author else None
    return encode((1, target.chat_address), (2, int(is_own)), (3, target.id), (4, author))


def unknown() -> Content:
    """A kind that the client has never heard of."""
    return Content(encode((_UNKNOWN_FIELD, encode((1, "from the future")))))


def sender_key(group: str, distribution: bytes) -> bytes:
    """The message that carries a sender key."""
    return encode((2, encode((1, group), (2, distribution))))


def device_sent(destination: str, raw: bytes) -> bytes:
    """The copy by which a device tells the account's others what it sent, and where."""
    return encode((31, encode((1, destination), (2, raw))))
