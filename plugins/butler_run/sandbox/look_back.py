"""Changes of a run that its user should review."""

import os
from collections.abc import Iterator
from pathlib import Path

from butler import listed
from butler_run.agents import AgentError
from butler_run.sandbox.git_folders import git_folders, run_by_git
from butler_run.sandbox.places import settings_stamps
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
        self._settings: dict[str, _Stamp] = {}
        self._run_by_git: dict[Path, _Stamp] = {}
        self.notes: list[str] = []

    def begin(self) -> None:
        """Look at the repo before the run; blocking."""
        self._settings = settings_stamps(self._folder)
        self._run_by_git = dict(self._stamps())

    def end(self, watch: Watch) -> None:
        """Look at the repo after the run; blocking."""
        watch.end()
        notes = (self._new(), self._changed(watch.nested), self._special(watch), _full(watch))
        self.notes = [note for note in notes if note]

    def _new(self) -> str:
        stamps = settings_stamps(self._folder)
        if new := sorted(each for each in stamps if stamps[each] != self._settings.get(each)):
            return (
                f"The run created {listed(new, _SHOWN)}, which can make agents run commands. "
                "Review that before you start an agent there yourself."
            )
        return ""

    def _special(self, watch: Watch) -> str:
        if not watch.special_files:
            return ""
        names = listed([os.path.relpath(each, self._copy) for each in watch.special_files], _SHOWN)
        return (
            f"The run left {names}, which is no plain file but a pipe, socket or device. Programs "
            "may wait for it; remove it unless you need it."
        )

    def _changed(self, nested: list[Path]) -> str:
        stamps = dict(self._stamps())
        changed = [path for path in stamps if stamps[path] != self._run_by_git.get(path)]
        changed += [path for path in nested if path not in stamps]
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
