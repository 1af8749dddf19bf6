"""The commented configuration that `butler init` writes; config.example.toml is one of them."""

import os
import re
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from tomlkit.items import Table

from butler.config.loading import FILE_NAME, users_file
from butler.errors import ConfigError, GitError
from butler.repos.registry import is_working_copy, name_problem
from butler.repos.working_copy import working_copy

USUAL_FOLDERS = ("src", "code", "projects", "repos", "git", "dev")

_TEMPLATE = Path(__file__).with_name("template.toml")
_EXAMPLE = "<name>"
"""The placeholder repo in the template, copied for each repo; not a valid repo name."""


@dataclass(frozen=True, slots=True)
class Named:
    """A repo to write into the file, with ``path`` as written there."""

    name: str
    path: str
    description: str = ""


def text(repos: Iterable[Named], folders: Iterable[str] = ()) -> str:
    """Return a configuration with these repos and folders of repos; with none, with an example."""
    template = _TEMPLATE.read_text(encoding="utf-8")
    repos, folders = list(repos), list(folders)
    if not repos and not folders:
        return _with_example(template)
    document = tomlkit.parse(template)
    document["repo_folders"] = folders
    sections = document["repos"]
    for repo in repos:
        sections[repo.name] = _filled(deepcopy(sections[_EXAMPLE]), repo)
    del sections[_EXAMPLE]
    return tomlkit.dumps(document)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration that could be written.

    Attributes:
        target: The file.
        folders: The folders of repos that were found, as they shall stand.
        repos: The repos that were found beside those.
        owner: The phone number of the owner, if it is known.
        agent: The agent that ``/run`` uses, if it is not the usual one.
    """

    target: Path
    folders: Sequence[str]
    repos: Sequence[Named]
    owner: str = ""
    agent: str = ""

    @staticmethod
    def of(path: Path | None = None) -> "Proposal":
        """Look for repos around here.

        Without ``path`` the file is here, but in a working copy in the user's configuration folder:
        it will hold phone numbers, which are not to be committed.

        Raises:
            ConfigError: There is a file already.
        """
        target, around = (path, path.absolute().parent) if path else _usual_place()
        if os.path.lexists(target):
            raise _exists(target)
        return Proposal(target, *_found(around, target))

    @property
    def found(self) -> str:
        """The repos and folders by name, empty if there are none."""
        places = ("those in this folder" if each == "." else each for each in self.folders)
        return ", ".join([*(repo.name for repo in self.repos), *places])

    def write(self) -> str:
        """Write it; return what to tell the user.

        Raises:
            ConfigError: There is a file already, or it cannot be written.
        """
        _make_folder(self.target.parent)
        content = text(self.repos, self.folders)
        if self.owner:
            owners = f'owners = ["{self.owner}"]'
            content = re.sub(r"^# owners = .*$", owners, content, flags=re.MULTILINE)
        if self.agent:
            start = content.index("[plugins.run]")
            chosen = f'agent = "{self.agent}"'
            content = content[:start] + re.sub(
                r"^# agent = .*$", chosen, content[start:], count=1, flags=re.MULTILINE
            )
        try:
            # Readable by nobody else, for secrets may come to stand in it.
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            with os.fdopen(os.open(self.target, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(content)
        except FileExistsError:
            raise _exists(self.target) from None
        except OSError as error:
            raise ConfigError(f"{self.target} cannot be written: {error.strerror}.") from None
        found = self.found or "none yet, so add some to it; it has an example"
        return f"Wrote {self.target}. Repos: {found}. Next: butler check"


def _exists(target: Path) -> ConfigError:
    return ConfigError(
        f"{target} already exists and was not changed. To write another one: "
        "butler init --config FILE"
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ConfigError(f"{folder} is not a folder.") from None
    except OSError as error:
        raise ConfigError(f"The folder {folder} cannot be made: {error.strerror}.") from None


def _usual_place() -> tuple[Path, Path]:
    """Return the file to write, and the folder around which repos are looked for."""
    here = Path.cwd()
    try:
        copy = working_copy(here)
    except GitError:  # a .git that leads elsewhere: whatever is committed there, it is not this
        return users_file(), here
    return (Path(FILE_NAME), here) if copy is None else (users_file(), copy.top)


def _found(around: Path, target: Path) -> tuple[list[str], list[Named]]:
    """Return the folders of repos, and the repo that ``around`` is itself, as they shall stand."""
    is_beside = target.absolute().parent == around
    here = "." if is_beside else str(around)
    folders = [f"~/{name}" for name in USUAL_FOLDERS if _has_repos(Path.home() / name)]
    if _can_be_repo(around):
        return folders, [Named(around.name, here)]
    return ([here, *folders] if _has_repos(around) else folders), []


def _with_example(template: str) -> str:
    """Return the template with the section of a repo as a comment."""
    start, end = template.index(f'[repos."{_EXAMPLE}"]'), template.index("\n[access]\n")
    section = (
        template[start:end]
        .replace(f'"{_EXAMPLE}"', "api")
        .replace('path = "."', 'path = "~/src/api"')
        .replace('description = ""', 'description = "What it is for"')
    )
    lines = (line if line.startswith("#") else f"# {line}" for line in section.splitlines())
    return f"{template[:start]}{chr(10).join(lines)}\n{template[end:]}"


def _filled(section: Table, repo: Named) -> Table:
    section["path"] = repo.path
    section["description"] = repo.description
    if not repo.description:
        del section["description"]
    return section


def _can_be_repo(folder: Path) -> bool:
    return is_working_copy(folder) and name_problem(folder.name) is None


def _has_repos(folder: Path) -> bool:
    try:
        return any(is_working_copy(entry) for entry in folder.iterdir())
    except OSError:
        return False
