"""A file of a repo that somebody asked for."""

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from butler import UserError
from butler_run.files.keys import looks_like_key
from butler_run.files.names import safe_name
from butler_run.files.opening import NotAFileError, opened_below
from butler_run.files.run_files import RunFolder
from butler_run.text.plain import in_one_line
from butler_run.text.redaction import Redactor

_LENGTH = 80
_GIT = re.compile(r"\.git|git~1", re.IGNORECASE)
_OF_OUTBOX = "outbox"


def asked_file(
    root: Path, path: str, target: RunFolder, secrets: Redactor, *, may_be_key: bool
) -> Path:
    """Copy a file below a folder, without following links; return the private copy; blocks.

    Args:
        root: The folder of the repo.
        path: The path in it, as somebody wrote it.
        target: Where the copy goes.
        secrets: Tells key material.
        may_be_key: What looks like a key is copied, too.

    Raises:
        UserError: It cannot be sent; the text says why.
    """
    parts, shown = _parts(path), in_one_line(path, _LENGTH)
    try:
        with opened_below(str(root), parts) as file:
            data = file.read()
    except NotAFileError as error:
        raise UserError(f"{shown} {error}.") from None
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"There is no file {shown}.") from None
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror}.") from None
    if not may_be_key and looks_like_key(parts[-1], data, secrets):
        raise UserError(
            f"Held back: {shown} looks like a key. /file! sends it to an owner in private."
        )
    return _copy(target, parts[-1], data)


def held_file(path: str, folder: RunFolder) -> Path | None:
    """Return the copy of what a run's outbox held back, for a path like ``outbox/.env``; blocks."""
    parts = PurePosixPath(path).parts
    if len(parts) != 2 or parts[0] != _OF_OUTBOX:
        return None
    found = folder.held / parts[1]
    return found if found.is_file() and not found.is_symlink() else None


def _parts(path: str) -> Sequence[str]:
    parts = PurePosixPath(path.removeprefix("./")).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise UserError("Name a file in the repo, such as docs/plan.md.")
    if any(_GIT.fullmatch(each) for each in parts):
        raise UserError("What is in .git stays there.")
    return parts


def _copy(target: RunFolder, name: str, data: bytes) -> Path:
    target.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.sent.mkdir(mode=0o700, exist_ok=True)
    path = target.sent / safe_name(name, "file", "", [each.name for each in target.sent.iterdir()])
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return path
