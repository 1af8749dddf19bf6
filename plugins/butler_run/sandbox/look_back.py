"""Changes of a run that its user should review."""

import os
from collections.abc import Iterator
from pathlib import Path

from butler import listed
from butler_run.agents import AgentError
from butler_run.sandbox.git_folders import git_folders, run_by_git
from butler_run.sandbox.places import new_settings
from butler_run.sandbox.watch import Watch

_SHOWN = 5
_Stamp = tuple[int, int, int]


class LookBack:
    """Compares a repo after a run with before.

    Attributes:
        notes: Sentences for the chat.
    """

    def __init__(self, folder: Path, copy: Path) -> None:
        self._folder = folder
        self._copy = copy
        self._settings: set[str] = set()
        self._run_by_git: dict[Path, _Stamp] = {}
        self.notes: list[str] = []

    def begin(self) -> None:
        """Look at the repo before the run; blocking."""
        self._settings = new_settings(self._folder)
        self._run_by_git = dict(self._stamps())

    def end(self, watch: Watch) -> None:
        """Look at the repo after the run; blocking."""
        watch.end()
        self.notes = [note for note in (self._new(), self._changed(), _full(watch)) if note]

    def _new(self) -> str:
        if new := sorted(new_settings(self._folder) - self._settings):
            return (
                f"The run created {listed(new, _SHOWN)}, which can make agents run commands. "
                "Review that before you start an agent there yourself."
            )
        return ""

    def _changed(self) -> str:
        stamps = dict(self._stamps())
        changed = [path for path in stamps if stamps[path] != self._run_by_git.get(path)]
        if not changed:
            return ""
        names = listed([os.path.relpath(path, self._copy) for path in changed], _SHOWN)
        return (
            f"Changed during the run: {names}, which can make git run commands. If you did not "
            "change that, review it before you use git there."
        )

    def _stamps(self) -> Iterator[tuple[Path, _Stamp]]:
        try:
            folders = git_folders(self._copy)
            paths = list(run_by_git(folders)) if folders else []
        except (AgentError, OSError):
            return
        for path in paths:
            try:
                found = path.lstat()
            except OSError:
                continue
            yield path, (found.st_ino, found.st_size, found.st_mtime_ns)


def _full(watch: Watch) -> str:
    if not watch.full_files:
        return ""
    names = listed([path.name for path in watch.full_files], _SHOWN)
    return (
        f"Cut off at the maximum size of a file: {names}. The limit is max_file_mb in the "
        "configuration."
    )
