"""The folders of runs: an inbox with what people sent, an outbox for what goes back."""

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from butler import Attachment, Message, Pruning, UserError, content_type
from butler_run.agents import PromptFile
from butler_run.files.metadata import without_metadata
from butler_run.files.names import safe_name
from butler_run.files.shown import prompt_file

logger = logging.getLogger(__name__)

INBOX, OUTBOX = "BUTLER_INBOX", "BUTLER_OUTBOX"
"""The variables by which a program knows its folders."""

KEEP_S = 7 * 86_400.0
_HEAD_BYTES = 4096
_PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folders of one run.

    Attributes:
        path: What contains the others; in no sandbox.
    """

    path: Path

    @property
    def inbox(self) -> Path:
        """What people sent; agents can only read it."""
        return self.path / "inbox"

    @property
    def outbox(self) -> Path:
        """What the agent sends."""
        return self.path / "outbox"

    @property
    def held(self) -> Path:
        """Copies of what was held back."""
        return self.path / "held"

    @property
    def sent(self) -> Path:
        """Copies of what is sent, out of reach of what the agent left running."""
        return self.path / "sent"

    def open(self) -> None:
        """Make the folders that the run needs; blocks.

        Raises:
            UserError: They cannot be made.
        """
        try:
            for each in (self.path, self.inbox, self.outbox):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unkept(error) from error

    def received(self) -> list[Path]:
        """Return the files of the inbox in the order of their names; blocks."""
        return sorted(each for each in self.inbox.glob("*") if each.is_file())

    def prompt_files(self) -> list[PromptFile]:
        """Return the files of the inbox as a prompt brings them; blocks."""
        return [prompt_file(each, type_of(each)) for each in self.received()]

    def tidy_up(self) -> None:
        """Remove what is no longer needed after the run; blocks."""
        shutil.rmtree(self.outbox, ignore_errors=True)
        for each in (self.inbox, self.path):
            with suppress(OSError):
                each.rmdir()


class RunFiles:
    """The folders of all runs.

    Args:
        folder: What contains them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pruning = Pruning(KEEP_S)

    def of(self, number: int) -> RunFolder:
        """Return the folder of a run."""
        return RunFolder(self._folder / str(number))

    def of_name(self, name: str) -> RunFolder:
        """Return a folder for what belongs to no run."""
        return RunFolder(self._folder / name)

    def receive(self, message: Message, attachments: Sequence[Attachment]) -> None:
        """Copy files for the run that a message asks for, before it has a number; blocks.

        Raises:
            UserError: They cannot be kept.
        """
        folder = self._expected(message)
        shutil.rmtree(folder.path, ignore_errors=True)
        folder.open()
        try:
            for each in attachments:
                if each.path is not None:
                    _copy(each, each.path, folder.inbox)
        except OSError as error:
            shutil.rmtree(folder.path, ignore_errors=True)
            raise _unkept(error) from error

    def settle(self, number: int, message: Message) -> RunFolder:
        """Give a run the files that were received for it, and return its folder; blocks.

        Raises:
            UserError: It cannot be made.
        """
        folder, expected = self.of(number), self._expected(message)
        if expected.path.is_dir() and not folder.path.exists():
            expected.path.rename(folder.path)
        folder.open()
        return folder

    def attachments_of(self, number: int) -> list[Attachment]:
        """Return the files that a run had, for one that repeats it; blocks."""
        return [
            Attachment("document", each.name, type_of(each), each.stat().st_size, path=each)
            for each in self.of(number).received()
        ]

    def prune(self) -> None:
        """Remove the folders of runs long past; blocks."""
        with suppress(FileNotFoundError):
            found = sorted((each.stat().st_mtime, each) for each in self._folder.iterdir())
            until = self._pruning.until(found[0][0] if found else None)
            for changed_at, path in found:
                if until is not None and changed_at < until:
                    shutil.rmtree(path, ignore_errors=True)

    def _expected(self, message: Message) -> RunFolder:
        key = f"{message.chat_id}\n{message.author}\n{message.id}"
        digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
        return RunFolder(self._folder / f"new-{digest[:24]}")


def type_of(path: Path) -> str:
    """Return the type of a file by its content; blocks."""
    with path.open("rb") as file:
        return content_type(file.read(_HEAD_BYTES))


def described(files: Sequence[PromptFile]) -> str:
    """Return what a prompt says about its files."""
    lines = [f"- {each.path} ({each.media_type}, {_size(each.path)})" for each in files]
    return "\n".join(["Attached files:", *lines]) if lines else ""


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size:,} bytes" if size < 1_000 else f"{size / 1_000:,.0f} kB"


def _copy(attachment: Attachment, source: Path, inbox: Path) -> None:
    media_type = type_of(source)
    taken = [each.name for each in inbox.iterdir()]
    name = safe_name(attachment.name, attachment.kind, media_type, taken)
    target = inbox / name
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in _content(source, media_type):
            file.write(chunk)


def _content(source: Path, media_type: str) -> Iterator[bytes]:
    if media_type in _PICTURES:
        yield without_metadata(source.read_bytes())
        return
    with source.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def _unkept(error: OSError) -> UserError:
    logger.error("files of a run cannot be kept: %s", error)
    return UserError(f"The files cannot be kept: {error.strerror}. Send them again later.")
