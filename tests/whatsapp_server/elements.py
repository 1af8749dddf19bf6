"""What WhatsApp's XML is made of: addresses and elements, whatever their encoding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Addressing = Literal["lid", "pn"]


@dataclass(frozen=True, slots=True)
class Jid:
    """An address: ``user:device@server``."""

    user: str
    server: str
    device: int = 0

    @classmethod
    def parse(cls, text: str) -> "Jid":
        """Return the address written as text."""
        user, _, server = text.rpartition("@")
        user, _, device = user.partition(":")
        return cls(user, server, int(device or 0))

    @property
    def bare(self) -> "Jid":
        """The address without its device."""
        return Jid(self.user, self.server)

    @property
    def is_lid(self) -> bool:
        """Whether the user part is an LID and not a phone number."""
        return self.server in ("lid", "hosted.lid")

    def with_device(self, device: int) -> "Jid":
        """Return the address of one of the user's devices."""
        return Jid(self.user, self.server, device)

    def __str__(self) -> str:
        device = f":{self.device}" if self.device else ""
        return f"{self.user}{device}@{self.server}" if self.user else self.server


SERVER = Jid("", "s.whatsapp.net")
GROUPS = Jid("", "g.us")

Attribute = str | int | Jid
Attributes = Mapping[str, Attribute | None]
"""As given to `element`: None and the empty text mean that there is no such attribute."""


@dataclass(slots=True)
class Element:
    """An XML element; its content is either child elements or bytes."""

    tag: str
    attributes: dict[str, Attribute] = field(default_factory=dict)
    content: "bytes | list[Element] | None" = None

    def children(self, tag: str | None = None) -> "list[Element]":
        """Return the child elements, or those with this tag."""
        if not isinstance(self.content, list):
            return []
        return [child for child in self.content if tag is None or child.tag == tag]

    def find(self, *path: str) -> "Element | None":
        """Return the first element down this path of tags, if there is one."""
        found: Element | None = self
        for tag in path:
            found = next(iter(found.children(tag)), None) if found else None
        return found

    def get(self, *path: str) -> "Element":
        """Return the first element down this path of tags.

        Raises:
            LookupError: There is none.
        """
        found = self.find(*path)
        if found is None:
            raise LookupError(f"{self} has no {'/'.join(path)}")
        return found

    @property
    def data(self) -> bytes:
        """The content as bytes; empty if it has children or nothing."""
        return self.content if isinstance(self.content, bytes) else b""

    @property
    def number(self) -> int:
        """The content as a big-endian number."""
        return int.from_bytes(self.data, "big")

    def text(self, name: str) -> str:
        """Return the attribute as text; empty if it is absent."""
        return str(self.attributes.get(name, ""))

    def jid(self, name: str) -> Jid | None:
        """Return the attribute if it is an address."""
        value = self.attributes.get(name)
        return value if isinstance(value, Jid) else None

    def with_attributes(self, **attributes: Attribute) -> "Element":
        """Return a copy that has these attributes as well."""
        return Element(self.tag, {**self.attributes, **attributes}, self.content)

    def __str__(self) -> str:
        attributes = "".join(f' {name}="{value}"' for name, value in self.attributes.items())
        if self.content is None:
            return f"<{self.tag}{attributes}/>"
        return f"<{self.tag}{attributes}>{self._summary()}</{self.tag}>"

    def _summary(self) -> str:
        if isinstance(self.content, list):
            crowded = len(self.content) >= 12
            return f"[{len(self.content)} elements]" if crowded else "".join(map(str, self.content))
        if len(self.data) <= 16:
            return self.data.hex()
        return f"{self.data[:8].hex()}… ({len(self.data)} bytes)"


def element(
    tag: str,
    attributes: Attributes | None = None,
    *children: Element,
    data: bytes | None = None,
) -> Element:
    """Build an element; what is None or an empty text is left out."""
    given = (attributes or {}).items()
    present = {name: value for name, value in given if value is not None and value != ""}
    return Element(tag, present, list(children) if children else data)
