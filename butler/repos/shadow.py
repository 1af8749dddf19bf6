"""A private git folder that stands in for the one of a working copy.

Git runs programs that the configuration of a repository names: the file system monitor, external
diffs, text conversions, and filters. A writer of ``.git/config`` could make Butler run a
program, and could change the file after any check. So git inspects files with a git folder whose
configuration is Butler's own. It shares objects and branches
with the real one, and has a copy of its index.
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from butler.errors import GitError
from butler.repos.working_copy import WorkingCopy, text_of

_MAX_INDEX_BYTES = 500_000_000
_VALUE = re.compile(r"[a-z0-9]{0,20}")
# What is true of the disk, and how lines end; none of it names anything.
TAKEN = (
    *("core.filemode", "core.ignorecase", "core.symlinks", "core.precomposeunicode"),
    *("core.autocrlf", "core.eol", "extensions.objectformat"),
)


class Shadow:
    """The private git folder; blocking, and to be removed.

    Attributes:
        environment: By which git works with it.
    """

    def __init__(self, copy: WorkingCopy, values: Mapping[str, str]) -> None:
        self._copy = copy
        self._folder = Path(tempfile.mkdtemp(prefix="butler-"))
        self.environment = {
            "GIT_DIR": str(self._folder),
            "GIT_WORK_TREE": str(copy.top),
            "GIT_OBJECT_DIRECTORY": str(copy.common_folder / "objects"),
        }
        try:
            self._fill(values)
        except OSError as error:
            self.remove()
            raise GitError(f"The git folder cannot be read: {error.strerror}.") from None

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _fill(self, values: Mapping[str, str]) -> None:
        own, common = self._copy.git_folder, self._copy.common_folder
        (self._folder / "HEAD").write_bytes(os.fsencode(_head(own / "HEAD")))
        (self._folder / "config").write_text(configuration(values))
        (self._folder / "refs").symlink_to(common / "refs")
        (self._folder / "packed-refs").symlink_to(common / "packed-refs")
        (self._folder / "info").mkdir()
        exclude = text_of(common / "info" / "exclude")
        (self._folder / "info" / "exclude").write_bytes(os.fsencode(exclude))
        for part in ("index", *(each.name for each in own.glob("sharedindex.*"))):
            copy_index(own / part, self._folder / part)


def configuration(values: Mapping[str, str]) -> str:
    """Return a configuration of these values; what does not look like one is left out."""
    known = {key: value for key in TAKEN if _VALUE.fullmatch(value := values.get(key, ""))}
    version = "1" if known.get("extensions.objectformat", "") else "0"
    lines = [f"[core]\n\trepositoryformatversion = {version}\n\tbare = false\n"]
    for key, value in known.items():
        section, name = key.split(".")
        if value:
            lines.append(f"[{section}]\n\t{name} = {value}\n")
    return "".join(lines)


def copy_index(source: Path, target: Path) -> None:
    """Copy an index with its time, which tells git what to read again; none if there is none.

    Raises:
        OSError: It cannot be read.
        GitError: It is too large.
    """
    with suppress(FileNotFoundError):
        found = source.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise GitError("The index of the repository is no plain file.")
        if found.st_size > _MAX_INDEX_BYTES:
            raise GitError("The index of the repository is too large.")
        shutil.copy2(source, target)


def _head(path: Path) -> str:
    """Return what ``HEAD`` says; a link is how git once wrote it."""
    if path.is_symlink():
        return f"ref: {path.readlink()}\n"
    return text_of(path)
