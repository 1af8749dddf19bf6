"""The files of the machine that an agent's sandbox shows, and those it can write."""

import json
import os
import pwd
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from butler_run.agents import HomeFolder
from butler_run.sandbox.bubblewrap import Bind, Empty, Mount, held, place_of, shows
from butler_run.sandbox.git_folders import GitMounts

# Configuration of agents in a repo, which can name programs to run.
PROJECT_SETTINGS = (
    ".claude",
    ".mcp.json",
    ".gemini",
    ".opencode",
    "opencode.json",
    "opencode.jsonc",
)
_CODEX = ".codex"
NAMED_WHEN_NEW = (*PROJECT_SETTINGS, _CODEX)
# For every agent: the author of commits and ignored files; not ~/.config/git as a whole, which may
# hold passwords.
GIT_SETTINGS = (
    ".gitconfig",
    ".config/git/config",
    ".config/git/ignore",
    ".config/git/attributes",
)
RUN_FOLDER = Path("/run/butler")
_SCRATCH = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - mount points in the sandbox
_HOMES = (Path("/home"), Path("/root"))
_RESOLVER = Path("/etc/resolv.conf")


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of a run's sandbox; all paths absolute, ``folder`` and ``copy`` real.

    Attributes:
        folder: The repo's folder.
        copy: The working copy that contains it, or ``folder`` itself.
        home: The user's home folder.
        of_home: The parts of it that the agent gets.
        kept: The host's folder for the agent's private folders.
        hidden: Paths that are hidden, even inside the repo.
        readable: Additional readable paths.
        writable: Additional writable paths.
        is_trusted: Codex may read the repo's own settings.
    """

    folder: Path
    copy: Path
    home: Path
    of_home: HomeFolder
    kept: Path
    hidden: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    is_trusted: bool = False


def mounts(places: Places, run_folder: Path, git: GitMounts) -> tuple[Mount, ...]:
    """Look at the disk: return all mounts of the sandbox.

    Args:
        places: The folders of the sandbox.
        run_folder: A folder of this run, with the file ``empty`` and the copies; shown read-only.
        git: The mounts of the git folders.
    """
    below = [*_system(places.home)]
    below += _hidden(places.hidden, run_folder, below)
    below += _home(places, run_folder)
    below += (Bind(each) for each in _there(places.readable))
    below += (Bind(each, is_writable=True) for each in _there(places.writable))
    if not shows(below, places.copy) and places.copy not in places.hidden:
        below.append(Bind(places.copy))
    below += [Bind(places.folder, is_writable=True), *git.writable]
    guards: list[Mount] = [*git.pins, *_settings(places)]
    inside = (each for each in places.hidden if not places.folder.is_relative_to(each))
    guards += _hidden(inside, run_folder, [*below, *guards])
    return (*below, *held(guards, _writable(places, git)), *guards, _shown(run_folder))


def _writable(places: Places, git: GitMounts) -> list[Path]:
    of_git = (each for each in git.writable if isinstance(each, Bind) and each.is_writable)
    return [places.folder, *places.writable, *map(place_of, of_git)]


def _shown(run_folder: Path) -> Mount:
    return Bind(run_folder, target=RUN_FOLDER)


def settings_stamps(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Look at the disk: return the settings of agents in a repo, and which file each of them is."""
    stamps = {}
    for name in NAMED_WHEN_NEW:
        with suppress(OSError):
            found = (folder / name).lstat()
            # A number can be given out again, and only a link can be replaced in a sandbox.
            changed_at = found.st_ctime_ns if stat.S_ISLNK(found.st_mode) else 0
            stamps[name] = (found.st_ino, found.st_mode, changed_at)
    return stamps


def prepare(places: Places, run_folder: Path) -> None:
    """Create missing folders and files for bind mounts; blocking."""
    (run_folder / "empty").touch()
    for name in places.of_home.kept:
        (places.kept / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (*places.of_home.readable, *places.of_home.unkept):
        if not (places.home / name).exists():
            _remove(places.kept / name)
    for name in _named(places.of_home.conversations, places.folder):
        (places.home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in places.of_home.copied:
        if (places.home / name).is_file():
            said = (places.home / name).read_text(errors="replace")
            (run_folder / name).write_text(_on_folder(said, places.folder))


def _remove(path: Path) -> None:
    """Remove what a run left behind; links are not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _on_folder(text: str, folder: Path) -> str:
    """Return the state of an agent in JSON without what it says on other folders."""
    try:
        state = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(state, dict) and isinstance(projects := state.get("projects"), dict):
        state["projects"] = {path: said for path, said in projects.items() if path == str(folder)}
    return json.dumps(state)


def _system(home: Path) -> Iterator[Mount]:
    for scratch in _SCRATCH:
        if scratch.is_dir() and not scratch.is_symlink():
            yield Empty(scratch, is_writable=True, is_for_everybody=True)
    yield Empty(Path("/run"))
    resolver = _RESOLVER.resolve()
    if resolver.is_relative_to("/run") and resolver.is_file():
        yield Bind(resolver)
    emptied: list[Path] = []
    for folder in sorted({*(each.resolve() for each in _HOMES), _home_of_user()} - {home}):
        # What is below another one is gone with it, and could no longer be mounted on.
        is_gone = any(folder.is_relative_to(each) for each in emptied)
        if folder.is_dir() and folder != Path("/") and not is_gone:
            emptied.append(folder)
            yield Empty(folder)
    yield Empty(home, is_writable=True)


def _home_of_user() -> Path:
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir).resolve()
    except KeyError:
        return _HOMES[0]


def _hidden(paths: Iterable[Path], run_folder: Path, below: list[Mount]) -> Iterator[Mount]:
    """Yield the mounts that hide paths in ``below``; an empty file hides a file."""
    for path in sorted(set(paths)):
        if path == Path("/") or not shows(below, path):
            continue
        if path.is_dir():
            yield Empty(path)
        elif path.exists():
            yield Bind(run_folder / "empty", target=path)


def _home(places: Places, run_folder: Path) -> Iterator[Mount]:
    of_home, home = places.of_home, places.home
    for name in of_home.kept:
        yield Bind(places.kept / name, is_writable=True, target=home / name)
    for name in of_home.copied:
        if (run_folder / name).exists():
            yield Bind(run_folder / name, is_writable=True, target=home / name)
    for name in _named(of_home.conversations, places.folder):
        yield Bind(home / name, is_writable=True)
    for name in (*GIT_SETTINGS, *of_home.readable):
        if (home / name).exists():
            yield Bind(home / name)
    for name in of_home.writable:
        if (home / name).exists():
            yield Bind(home / name, is_writable=True)


def _named(names: Iterable[str], folder: Path) -> Iterator[str]:
    encoded = re.sub(r"[^A-Za-z0-9]", "-", str(folder))
    return (name.replace("{folder}", encoded) for name in names)


def _there(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.exists())


def _settings(places: Places) -> Iterator[Mount]:
    """Yield the mounts that protect or hide the repo's own settings of agents."""
    for name in PROJECT_SETTINGS:
        path = (places.folder / name).resolve()
        is_inside = path.is_relative_to(places.copy) and not places.folder.is_relative_to(path)
        if path.exists() and is_inside:
            yield Bind(path)
    codex = (places.folder / _CODEX).resolve()
    is_inside = codex.is_relative_to(places.copy) and not places.folder.is_relative_to(codex)
    if codex.is_dir() and is_inside:
        yield Bind(codex) if places.is_trusted else Empty(codex)
