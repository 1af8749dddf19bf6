"""The token tables of the binary XML, read out of neonize's shared library.

The library is an ELF object written in Go: a string is a (pointer, length) pair in a relocated
section, and a table is an array of such pairs. So nothing has to be shipped or kept up to date.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SINGLE_COUNT, _DOUBLE_ROWS, _DOUBLE_COUNT = 236, 4, 256
_FIRST_TOKEN = b"xmlstreamstart"
_LOADED, _NO_BITS = 2, 8
_RELATIVE_RELOCATIONS = (8, 1027)
"""R_X86_64_RELATIVE and R_AARCH64_RELATIVE."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The strings that have a code of one byte, and those that have one of two."""

    single: list[str]
    double: list[list[str]]

    def dumps(self) -> str:
        """Return the tables as JSON."""
        return json.dumps({"single": self.single, "double": self.double})

    @classmethod
    def loads(cls, text: str) -> "Tokens":
        """Return the tables from their JSON."""
        tables = json.loads(text)
        return cls(tables["single"], tables["double"])


@dataclass(frozen=True, slots=True)
class _Section:
    name_at: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int


class _Library:
    """A 64-bit ELF file: its sections and relocated pointers."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        (table_at,) = struct.unpack_from("<Q", raw, 0x28)
        entry_size, count, names_index = struct.unpack_from("<HHH", raw, 0x3A)
        self._sections = [
            _Section(*struct.unpack_from("<IIQQQQ", raw, table_at + index * entry_size))
            for index in range(count)
        ]
        self._names_at = self._sections[names_index].offset
        self.pointers = dict(self._relocations())

    def _relocations(self) -> Iterator[tuple[int, int]]:
        section = next(s for s in self._sections if self._name(s) == b".rela.dyn")
        table = self._raw[section.offset : section.offset + section.size]
        for where, info, target in struct.iter_unpack("<QQq", table):
            if info & 0xFFFFFFFF in _RELATIVE_RELOCATIONS:
                yield where, target

    def _name(self, section: _Section) -> bytes:
        start = self._names_at + section.name_at
        return self._raw[start : self._raw.index(b"\0", start)]

    def _offset(self, address: int) -> int:
        for section in self._sections:
            loaded = section.flags & _LOADED and section.kind != _NO_BITS
            if loaded and section.address <= address < section.address + section.size:
                return address - section.address + section.offset
        raise LookupError(f"address {address:#x} is in no section")

    def number(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")

    def read(self, address: int, size: int) -> bytes:
        offset = self._offset(address)
        return self._raw[offset : offset + size]

    def text(self, address: int) -> str:
        size = self.number(address + 8)
        return self.read(self.pointers[address], size).decode() if size else ""


def read_tokens(library: Path) -> Tokens:
    """Return the tables that are in a neonize library.

    Raises:
        LookupError: There are none, so neonize must have changed a lot.
    """
    elf = _Library(library.read_bytes())
    single = next((found for at in elf.pointers if (found := _single(elf, at))), None)
    double = next((rows for at in elf.pointers if (rows := _double(elf, at))), None)
    if single is None or double is None:
        raise LookupError(f"no token tables found in {library.name}")
    return Tokens(single, double)


def _single(elf: _Library, at: int) -> list[str] | None:
    """The table of one-byte tokens, if the pointer at this place is to its first string."""
    try:
        size = len(_FIRST_TOKEN)
        if elf.number(at + 8) != size or elf.read(elf.pointers[at], size) != _FIRST_TOKEN:
            return None
        # Token 0 is the empty string, of which Go keeps no pointer.
        return ["", *(elf.text(at + 16 * index) for index in range(_SINGLE_COUNT - 1))]
    except (LookupError, UnicodeDecodeError):
        return None


def _double(elf: _Library, at: int) -> list[list[str]] | None:
    """The table of two-byte tokens, if four slices of 256 strings begin at this place."""
    rows = [at + 24 * row for row in range(_DOUBLE_ROWS)]
    try:
        if any(elf.number(row + 8) != _DOUBLE_COUNT for row in rows):
            return None
        return [
            [elf.text(elf.pointers[row] + 16 * index) for index in range(_DOUBLE_COUNT)]
            for row in rows
        ]
    except (LookupError, UnicodeDecodeError):
        return None
