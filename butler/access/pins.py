"""Keeps over restarts which working copy each repo was when it was first seen."""

import hashlib
import json
import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path

from butler.access.seal import Seal
from butler.errors import DataError, GitError
from butler.logs import Complaint
from butler.repos.working_copy import WorkingCopy

logger = logging.getLogger(__name__)

_FOLDER = "pins"
_KEY_NAME = "pins.key"


class StoredPins:
    """One sealed file for each folder of a repo, below the data folder; blocking.

    A pin is for whoever looks at a repo after a restart, when its ``.git`` may have been replaced.
    To accept another working copy, its file is removed.

    Args:
        data_folder: Nothing is kept before it exists.
    """

    def __init__(self, data_folder: Path) -> None:
        self._folder = data_folder / _FOLDER
        self._complaint = Complaint(logger)

    def first(self, folder: Path, copy: WorkingCopy) -> tuple[WorkingCopy, Path | None]:
        """Return the first working copy that ``folder`` was, and the file that says so.

        That is ``copy`` if there is no file, which is then written; None if it cannot be.

        Raises:
            GitError: The file is not one that Butler wrote.
        """
        path = self._folder / f"{folder.name}-{_digest(folder)}.json"
        try:
            found = self._kept(folder, copy, path)
        except (DataError, OSError) as error:
            self._complaint.begin("cannot keep which working copies repos are: %s", error)
            return copy, None
        self._complaint.end("which working copies repos are can be kept again")
        return found

    def _kept(self, folder: Path, copy: WorkingCopy, path: Path) -> tuple[WorkingCopy, Path | None]:
        if not self._folder.parent.is_dir():
            return copy, None
        seal = Seal.open(self._folder.with_name(_KEY_NAME))
        with suppress(FileNotFoundError):
            return _read(path, folder, seal), path
        self._folder.mkdir(mode=0o700, exist_ok=True)
        places = _places(copy)
        said = {
            "folder": str(folder),
            "places": places,
            "seal": seal.of("pin", str(folder), *places),
        }
        _write(path, json.dumps(said))
        return copy, path


def _read(path: Path, folder: Path, seal: Seal) -> WorkingCopy:
    try:
        said = json.loads(path.read_bytes())
        places, fits = said["places"], said["seal"]
        if seal.fits(fits, "pin", str(folder), *places):
            return WorkingCopy(*map(Path, places))
    except (ValueError, KeyError, TypeError):
        pass
    raise GitError(
        f"{path} says which git folder is the repo's, but Butler did not write it. If the repo is "
        "as it should be, remove that file."
    )


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as to:
            to.write(text)
            to.flush()
            # Without it, a power cut may leave an empty file, and a repo that is not trusted.
            os.fsync(to.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _places(copy: WorkingCopy) -> list[str]:
    return [str(copy.top), str(copy.git_folder), str(copy.common_folder)]


def _digest(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
