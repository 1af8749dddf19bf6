"""What an agent has put into its outbox: which of it is sent, and which is named instead."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from butler import content_type, listed
from butler_run.files.keys import looks_like_key
from butler_run.files.names import safe_name
from butler_run.files.opening import NotAFileError, opened_below
from butler_run.files.run_files import RunFolder
from butler_run.text.plain import in_one_line
from butler_run.text.redaction import Redactor

MOST = 5
"""How many files of a run are sent."""

MOST_ENTRIES = 10_000
_NAME_LENGTH = 60
_MOST_NAMED = 5


@dataclass(slots=True)
class Collected:
    """What an outbox held.

    Attributes:
        files: Private copies of what is sent, in the order of their names.
        held: The names of what looks like a key.
        refused: What cannot be sent, and why.
        more: The names of what is too much.
    """

    files: list[Path] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    more: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Return the sentences for the chat on what is not sent."""
        notes = []
        if self.more:
            notes.append(f"{MOST} files is the most, so these were not sent: {_named(self.more)}.")
        if self.refused:
            notes.append(f"Not sent: {_named(self.refused)}.")
        for name in self.held[:_MOST_NAMED]:
            way_out = f"/file! outbox/{name} sends it to an owner in private"
            notes.append(f"Held back: {name} looks like a key. {way_out}.")
        return notes


def collect(folder: RunFolder, secrets: Redactor) -> Collected:
    """Copy what may be sent out of the outbox; blocks."""
    found = Collected()
    for name in _names(folder.outbox):
        shown = in_one_line(name, _NAME_LENGTH)
        if len(found.files) >= MOST:
            found.more.append(shown)
            continue
        try:
            with opened_below(str(folder.path), (folder.outbox.name, name)) as file:
                data = file.read()
        except NotAFileError as error:
            found.refused.append(f"{shown} {error}")
        except OSError as error:
            found.refused.append(f"{shown} cannot be read ({error.strerror})")
        else:
            _keep(folder, name, data, found, secrets)
    return found


def _keep(folder: RunFolder, name: str, data: bytes, found: Collected, secrets: Redactor) -> None:
    is_held = looks_like_key(name, data, secrets)
    target = folder.held if is_held else folder.sent
    target.mkdir(mode=0o700, exist_ok=True)
    taken = [each.name for each in target.iterdir()]
    path = target / safe_name(name, "file", "", taken, may_be_hidden=is_held)
    path.touch(mode=0o600)
    path.write_bytes(data)
    if is_held:
        found.held.append(path.name)
    else:
        found.files.append(path)


def put_pictures(folder: RunFolder, pictures: Sequence[bytes]) -> None:
    """Put the pictures of an answer into the outbox; blocks."""
    for number, data in enumerate(pictures, start=1):
        taken = _names(folder.outbox)
        media_type = content_type(data)
        path = folder.outbox / safe_name(f"answer-{number}", "picture", media_type, taken)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)


def _names(folder: Path) -> list[str]:
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return []
        with os.scandir(folder) as entries:
            return sorted(_first(entries))
    except OSError:
        return []


def _first(entries: Iterator["os.DirEntry[str]"]) -> Iterator[str]:
    for _number, entry in zip(range(MOST_ENTRIES), entries, strict=False):
        yield entry.name


def _named(names: list[str]) -> str:
    return listed(names, _MOST_NAMED)
