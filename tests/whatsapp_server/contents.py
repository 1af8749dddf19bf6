"""What messages to the bot say: builders for every kind, as serialized protobuf.

Field numbers are those of WhatsApp's E2E.Message.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from whatsapp_server import message_secrets, wrappers
from whatsapp_server.people import Person
from whatsapp_server.protobuf import Fields, encode

_REVOKE, _EDIT = 0, 14
_MESSAGE_EDIT = 2
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
class StoredFile:
    """A file of a person on the media host, and what a message says about it."""

    direct_path: str
    media_key: bytes
    sha256: bytes
    enc_sha256: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Content:
    """A message's protobuf and what its stanza says about it in the clear."""

    raw: bytes
    stanza_type: str = "text"
    media_type: str = ""
    edit: str = ""
    is_decoration: bool = False
    """Whether a client that cannot decrypt it is not to show that."""
    is_kept_from_devices: bool = False
    """Whether only the phone gets it, as with most of what can be seen only once."""

    @property
    def secret(self) -> bytes:
        """The secret by which others can encrypt what belongs to it; empty if it has none."""
        return Fields(self.raw).message(wrappers.CONTEXT_INFO).data(3)


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


def forwarded(text: str, mark: str = "flag") -> Content:
    """A text that was passed on, known by one of the marks."""
    context = encode(wrappers.FORWARD_MARKS[mark])
    return Content(encode((6, encode((1, text), (17, context)))) + _secret())


def ask_assistant(text: str, assistant: str = "867051314767696@bot") -> Content:
    """A question to an AI in somebody else's chat; the client takes the wrapper off."""
    asked = encode((6, encode((1, text), (17, encode((15, assistant))))))
    return wrapped("botInvoke", Content(asked + _secret()))


def _context(quote: Quotable | None, mentions: Iterable[Person]) -> bytes:
    mentioned = [(15, str(person.lid_jid)) for person in mentions]
    if quote is None:
        return encode(*mentioned)
    return encode((1, quote.id), (2, quote.author), (3, quote.raw), *mentioned)


def image(
    caption: str = "", *, quote: Quotable | None = None, file: StoredFile | None = None
) -> Content:
    """A picture; without a file there is none behind it, as with all that follow."""
    context = _context(quote, ()) or None
    return _media(3, "image", file, (2, "image/jpeg"), (3, caption or None), (17, context))


def video(
    caption: str = "", *, quote: Quotable | None = None, file: StoredFile | None = None
) -> Content:
    """A film."""
    context = _context(quote, ()) or None
    return _media(9, "video", file, (2, "video/mp4"), (7, caption or None), (17, context))


def document(
    caption: str = "", file_name: str = "notes.txt", *, file: StoredFile | None = None
) -> Content:
    """A document as phones send it with a caption: inside a wrapper of its own."""
    plain = _media(7, "document", file, (2, "text/plain"), (8, file_name), (20, caption or None))
    return wrapped("documentWithCaption", plain) if caption else plain


def video_note(*, file: StoredFile | None = None) -> Content:
    """A round film."""
    return _media(66, "ptv", file, (2, "video/mp4"))


def audio(*, is_voice: bool = True, seconds: int = 3, file: StoredFile | None = None) -> Content:
    """A voice message or a piece of music."""
    fields = (2, "audio/ogg; codecs=opus"), (5, seconds), (6, int(is_voice))
    return _media(8, "audio", file, *fields)


def sticker(*, file: StoredFile | None = None) -> Content:
    """A sticker."""
    return _media(26, "sticker", file, (5, "image/webp"))


_FILE_FIELDS = {
    3: (4, 5, 8, 9, 11),
    7: (4, 5, 7, 9, 10),
    8: (3, 4, 7, 8, 9),
    9: (3, 4, 6, 11, 13),
    66: (3, 4, 6, 11, 13),
    26: (2, 9, 4, 3, 8),
}
"""Of each kind of media: digest, length, key, digest of the encrypted file, path."""


def _media(
    number: int,
    media_type: str,
    file: StoredFile | None,
    *fields: tuple[int, int | str | bytes | None],
) -> Content:
    of_file: list[tuple[int, int | str | bytes | None]] = []
    if file is not None:
        values = (file.sha256, file.length, file.media_key, file.enc_sha256, file.direct_path)
        of_file += zip(_FILE_FIELDS[number], values, strict=True)
    raw = encode((number, encode((1, "https://mmg.whatsapp.net/v/none"), *fields, *of_file)))
    return Content(raw + _secret(), "media", media_type)


def location(*, is_live: bool = False) -> Content:
    """A place, without coordinates; a live one moves."""
    number, name, kind = (18, None, "livelocation") if is_live else (5, "Somewhere", "location")
    return Content(encode((number, encode((3, name)))), "media", kind)


def contact(*names: str) -> Content:
    """A contact card, or several."""
    cards = [
        encode((1, name), (16, f"BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nEND:VCARD")) for name in names
    ]
    if len(cards) == 1:
        return Content(encode((4, cards[0])), "media", "vcard")
    return Content(encode((13, encode(*((2, card) for card in cards)))), "media", "contact_array")


def poll(
    question: str, options: Iterable[str], number: Literal[49, 60, 64, 111, 119] = 49
) -> Content:
    """A poll where one option can be chosen; each form of it has a number."""
    choices = [(3, encode((1, option))) for option in options]
    raw = encode((number, encode((1, os.urandom(32)), (2, question), *choices, (4, 1))))
    return Content(raw + _secret(), "poll")


def event(name: str) -> Content:
    """An appointment, to accept or decline."""
    return Content(encode((75, encode((3, name), (7, 1_790_000_000)))) + _secret(), "event")


def event_invitation(caption: str) -> Content:
    """An appointment passed on to another chat."""
    return Content(encode((122, encode((3, "Lunch"), (6, caption)))), "event")


def group_invitation(caption: str) -> Content:
    """A card that invites to a group."""
    invitation = encode((1, "120363000000009999@g.us"), (2, "code"), (4, "Team"), (6, caption))
    return Content(encode((28, invitation)), "media", "url")


def album(image_count: int) -> Content:
    """What announces pictures that belong together; each of them follows as a message."""
    return Content(encode((83, encode((2, image_count)))) + _secret())


def sticker_pack(caption: str) -> Content:
    """A set of stickers."""
    return Content(encode((86, encode((2, "Cats"), (10, caption)))) + _secret(), "media")


def pin(target: Quotable) -> Content:
    """The wish to pin a message to the top of its chat."""
    raw = encode((63, encode((1, _key(target, is_own=False)), (2, 1))))
    return Content(raw, edit="2", is_decoration=True)


def ephemeral(content: Content) -> Content:
    """The same in a chat with disappearing messages."""
    return wrapped("ephemeral", content)


def view_once(content: Content) -> Content:
    """The same, to be seen only once."""
    return wrapped("viewOnce", content)


def wrapped(name: str, content: Content) -> Content:
    """The same inside a wrapper."""
    return replace(content, raw=wrappers.wrapped(name, content.raw))


def edit(target: Quotable, text: str) -> Content:
    """A new text for a message of the same sender; it has an id of its own."""
    return Content(_edit(target, encode((1, text))), edit="1", is_decoration=True)


def sealed_edit(
    target: Quotable,
    text: str,
    *,
    secret: bytes | None = None,
    author: str | None = None,
    editor: str | None = None,
    next_secret: bytes | None = None,
) -> Content:
    """The same as phones have sent it since May 2026: encrypted with the message's secret.

    Args:
        target: The message.
        text: Its new text.
        secret: Its secret, if that is not the one in it.
        author: The address of who wrote it, if that is not the one it came with.
        editor: The address of who edits it, if that is not the author.
        next_secret: What takes the place of its secret.
    """
    author = author or target.author
    plain = _edit(target, encode((1, text)))
    if next_secret is not None:
        plain += encode((wrappers.CONTEXT_INFO, encode((3, next_secret))))
    sealed = message_secrets.seal(
        plain,
        secret or Fields(target.raw).message(wrappers.CONTEXT_INFO).data(3),
        message_secrets.MESSAGE_EDIT,
        (target.id, author, editor or author),
    )
    fields = (1, _key(target, is_own=True)), (2, sealed.payload), (3, sealed.iv), (4, _MESSAGE_EDIT)
    return Content(encode((82, encode(*fields))) + _secret(), edit="1")


def _edit(target: Quotable, edited: bytes) -> bytes:
    return encode((12, encode((1, _key(target, is_own=True)), (2, _EDIT), (14, edited))))


def revoke(target: Quotable) -> Content:
    """The deletion, for everyone, of a message of the same sender."""
    raw = encode((12, encode((1, _key(target, is_own=True)), (2, _REVOKE))))
    return Content(raw, edit="7", is_decoration=True)


def reaction(target: Quotable, emoji: str) -> Content:
    """A reaction; an empty one takes it back."""
    key = _key(target, is_own=False)
    return Content(encode((46, encode((1, key), (2, emoji)))), "reaction", is_decoration=True)


def _key(target: Quotable, *, is_own: bool) -> bytes:
    author = target.author if target.chat_address != target.author else None
    return encode((1, target.chat_address), (2, int(is_own)), (3, target.id), (4, author))


def unknown() -> Content:
    """A kind that the client has never heard of."""
    return Content(encode((_UNKNOWN_FIELD, encode((1, "from the future")))))


def sender_key(group: str, distribution: bytes) -> bytes:
    """The message that carries a sender key."""
    return encode((2, encode((1, group), (2, distribution))))
