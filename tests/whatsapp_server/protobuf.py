"""A small protobuf codec that works by field numbers.

It keeps the server free of generated code and above all of importing neonize, which would load
its Go library into the test process.
"""

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZE_BYTES = {_FIXED64: 8, _FIXED32: 4}

Value = int | bytes | str


def encode(*fields: tuple[int, Value | None]) -> bytes:
    """Return the message with these (number, value) pairs; a value of None is left out."""
    return b"".join(_field(number, value) for number, value in fields if value is not None)


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _DELIMITED) + _varint(len(raw)) + raw


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Fields:
    """A decoded message: what each field number holds. An absent field reads as empty.

    Raises:
        ValueError: The bytes are no protobuf message.
    """

    __slots__ = ("_data", "_integers", "_order", "raw")

    def __init__(self, raw: bytes = b"") -> None:
        self.raw = raw
        self._integers: dict[int, list[int]] = {}
        self._data: dict[int, list[bytes]] = {}
        self._order: dict[int, None] = {}
        position = 0
        while position < len(raw):
            position = self._read(position)

    def __contains__(self, number: int) -> bool:
        return number in self._order

    def integer(self, number: int, default: int = 0) -> int:
        """Return the last integer of the field."""
        values = self._integers.get(number)
        return values[-1] if values else default

    def data(self, number: int, default: bytes = b"") -> bytes:
        """Return the last bytes of the field."""
        values = self._data.get(number)
        return values[-1] if values else default

    def all_data(self, number: int) -> list[bytes]:
        """Return every value of a repeated field of bytes."""
        return list(self._data.get(number, ()))

    def text(self, number: int) -> str:
        """Return the last value of the field as text."""
        return self.data(number).decode("utf-8", "replace")

    def message(self, number: int) -> "Fields":
        """Return the message inside the field."""
        return Fields(self.data(number))

    def numbers(self) -> list[int]:
        """Return the field numbers present, in order of appearance."""
        return list(self._order)

    def _read(self, position: int) -> int:
        key, position = self._read_varint(position)
        number, kind = key >> 3, key & 7
        self._order[number] = None
        if kind == _DELIMITED:
            size, position = self._read_varint(position)
            self._data.setdefault(number, []).append(self._slice(position, size))
            return position + size
        if kind == _VARINT:
            value, position = self._read_varint(position)
            self._integers.setdefault(number, []).append(value)
            return position
        size = _FIXED_SIZE_BYTES.get(kind, 0)
        if not size:
            raise ValueError(f"wire type {kind} of field {number} is unknown")
        value = int.from_bytes(self._slice(position, size), "little")
        self._integers.setdefault(number, []).append(value)
        return position + size

    def _slice(self, position: int, size: int) -> bytes:
        if position + size > len(self.raw):
            raise ValueError("a field reaches past the end of its message")
        return self.raw[position : position + size]

    def _read_varint(self, position: int) -> tuple[int, int]:
        result = shift = 0
        while True:
            if position >= len(self.raw):
                raise ValueError("a number reaches past the end of its message")
            byte = self.raw[position]
            position += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result, position
            shift += 7
