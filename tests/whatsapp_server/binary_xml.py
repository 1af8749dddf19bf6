"""The encoding of elements on the wire (dictionary version 3)."""

import zlib
from collections.abc import Mapping

from whatsapp_server.elements import Attribute, Element, Jid
from whatsapp_server.tokens import Tokens

_EMPTY, _INTEROP, _FACEBOOK, _DEVICE_JID, _LIST8, _LIST16 = 0, 245, 246, 247, 248, 249
_JID, _HEX, _BYTES8, _BYTES20, _BYTES32, _NIBBLE = 250, 251, 252, 253, 254, 255
_DOUBLE_TOKENS = 236
_SERVER_OF_AGENT = {0: "s.whatsapp.net", 1: "lid", 128: "hosted", 129: "hosted.lid"}
_AGENT_OF_SERVER = {server: agent for agent, server in _SERVER_OF_AGENT.items()}
_ALPHABETS = {_NIBBLE: "0123456789-.???\0", _HEX: "0123456789ABCDEF"}
_COMPRESSED = 2


class BinaryXml:
    """The codec for one set of token tables."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._codes = _codes(tokens)

    def encode(self, element: Element) -> bytes:
        """Return the frame for an element."""
        encoder = _Encoder(self._codes)
        encoder.write_element(element)
        return b"\0" + bytes(encoder.out)

    def decode(self, frame: bytes) -> Element:
        """Return the element in a frame.

        Raises:
            ValueError: The frame ends too early, or holds something else.
        """
        is_compressed = frame[0] & _COMPRESSED
        body = zlib.decompress(frame[1:]) if is_compressed else frame[1:]
        return _Decoder(body, self._tokens).element()


def _codes(tokens: Tokens) -> dict[str, bytes]:
    double = {
        token: bytes([_DOUBLE_TOKENS + row, column])
        for row, row_tokens in enumerate(tokens.double)
        for column, token in enumerate(row_tokens)
    }
    single = {token: bytes([code]) for code, token in enumerate(tokens.single) if token}
    return double | single


class _Encoder:
    def __init__(self, codes: Mapping[str, bytes]) -> None:
        self.out = bytearray()
        self._codes = codes

    def write_element(self, element: Element) -> None:
        has_content = element.content is not None
        self._write_list(1 + 2 * len(element.attributes) + has_content)
        self._write_text(element.tag)
        for name, value in element.attributes.items():
            self._write_text(name)
            self._write_attribute(value)
        if isinstance(element.content, list):
            self._write_list(len(element.content))
            for child in element.content:
                self.write_element(child)
        elif element.content is not None:
            # Never as a token: the client expects bytes in this place.
            self._write_bytes(element.content)

    def _write_list(self, size: int) -> None:
        if size == 0:
            self.out.append(_EMPTY)
        elif size < 256:
            self.out += bytes((_LIST8, size))
        else:
            self.out += bytes([_LIST16]) + size.to_bytes(2, "big")

    def _write_attribute(self, value: Attribute) -> None:
        if isinstance(value, Jid):
            self._write_jid(value)
        else:
            self._write_text(str(value))

    def _write_jid(self, jid: Jid) -> None:
        agent = _AGENT_OF_SERVER.get(jid.server)
        if agent is not None and (jid.device or jid.server.startswith("hosted")):
            self.out += bytes((_DEVICE_JID, agent, jid.device))
            self._write_text(jid.user)
            return
        self.out.append(_JID)
        if jid.user:
            self._write_text(jid.user)
        else:
            self.out.append(_EMPTY)
        self._write_text(jid.server)

    def _write_text(self, text: str) -> None:
        code = self._codes.get(text)
        if code is None:
            self._write_bytes(text.encode())
        else:
            self.out += code

    def _write_bytes(self, raw: bytes) -> None:
        size = len(raw)
        if size < 256:
            self.out += bytes((_BYTES8, size))
        elif size < 1 << 20:
            self.out += bytes([_BYTES20]) + size.to_bytes(3, "big")
        else:
            self.out += bytes([_BYTES32]) + size.to_bytes(4, "big")
        self.out += raw


class _Decoder:
    def __init__(self, body: bytes, tokens: Tokens) -> None:
        self._body = body
        self._position = 0
        self._tokens = tokens

    def element(self) -> Element:
        size = self._list_size(self._number(1))
        element = Element(self._text())
        for _ in range((size - 1) // 2):
            name = self._text()
            element.attributes[name] = self._attribute()
        if size % 2 == 0:
            element.content = self._content()
        return element

    def _number(self, size: int) -> int:
        return int.from_bytes(self._raw(size), "big")

    def _raw(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._body):
            raise ValueError("the frame ends inside an element")
        raw = self._body[self._position : end]
        self._position = end
        return raw

    def _list_size(self, code: int) -> int:
        sizes = {_EMPTY: 0, _LIST8: 1, _LIST16: 2}
        if code not in sizes:
            raise ValueError(f"expected a list, found code {code}")
        return self._number(sizes[code])

    def _content(self) -> "bytes | list[Element] | None":
        code = self._number(1)
        if code == _EMPTY:
            return None
        if code in (_LIST8, _LIST16):
            return [self.element() for _ in range(self._list_size(code))]
        raw = self._bytes(code)
        return self._text_of(code).encode() if raw is None else raw

    def _attribute(self) -> Attribute:
        code = self._number(1)
        jid = self._jid(code)
        return self._text_of(code) if jid is None else jid

    def _text(self) -> str:
        return self._text_of(self._number(1))

    def _text_of(self, code: int) -> str:
        if code == _EMPTY:
            return ""
        raw = self._bytes(code)
        if raw is not None:
            return raw.decode()
        if _DOUBLE_TOKENS <= code < _DOUBLE_TOKENS + len(self._tokens.double):
            return self._tokens.double[code - _DOUBLE_TOKENS][self._number(1)]
        if code in _ALPHABETS:
            return self._packed(_ALPHABETS[code])
        if code >= len(self._tokens.single):
            raise ValueError(f"expected a text, found code {code}")
        return self._tokens.single[code]

    def _bytes(self, code: int) -> bytes | None:
        sizes = {_BYTES8: 1, _BYTES20: 3, _BYTES32: 4}
        return self._raw(self._number(sizes[code])) if code in sizes else None

    def _packed(self, alphabet: str) -> str:
        head = self._number(1)
        raw = self._raw(head & 127)
        text = "".join(alphabet[byte >> 4] + alphabet[byte & 15] for byte in raw)
        return text[:-1] if head & 128 else text

    def _jid(self, code: int) -> Jid | None:
        if code == _JID:
            user = self._text()
            return Jid(user, self._text())
        if code == _DEVICE_JID:
            agent, device = self._number(1), self._number(1)
            return Jid(self._text(), _SERVER_OF_AGENT.get(agent, "s.whatsapp.net"), device)
        if code in (_FACEBOOK, _INTEROP):
            user, device = self._text(), self._number(2)
            if code == _INTEROP:
                self._number(2)
            return Jid(user, self._text(), device)
        return None
