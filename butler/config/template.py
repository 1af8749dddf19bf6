"""The commented configuration that `butler init` writes; config.example.toml is one of them."""

import os
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from tomlkit.items import Table

from butler.config.loading import FILE_NAME
from butler.errors import ConfigError
from butler.repos.registry import is_working_copy, name_problem

USUAL_FOLDERS = ("src", "code", "projects", "repos", "git", "dev")

_TEMPLATE = Path(__file__).with_name("template.toml")
_EXAMPLE = "<name>"
"""In the template, the repo that each repo is made from; none can be called so."""


@dataclass(frozen=True, slots=True)
class Named:
    """A repo to name in the file; ``path`` as it shall stand there."""

    name: str
    path: str
    description: str = ""


def text(repos: Iterable[Named], folders: Iterable[str] = ()) -> str:
    """Return a configuration with these repos and folders of repos."""
    document = tomlkit.parse(_TEMPLATE.read_text(encoding="utf-8"))
    document["repo_folders"] = list(folders)
    sections = document["repos"]
    for repo in repos:
        sections[repo.name] = _filled(deepcopy(sections[_EXAMPLE]), repo)
    del sections[_EXAMPLE]
    return tomlkit.dumps(document)


def write(path: Path | None = None) -> str:
    """Write a configuration with the repos found around here; return what to tell the user.

    Raises:
        ConfigError: There is a file already, or it cannot be written.
    """
    path = path or Path(FILE_NAME)
    here = path.absolute().parent
    folders = [f"~/{name}" for name in USUAL_FOLDERS if _has_repos(Path.home() / name)]
    repos = [Named(here.name, ".")] if _can_be_repo(here) else []
    if not repos and _has_repos(here):
        folders.insert(0, ".")
    try:
        # Readable by nobody else, for secrets may come to stand in it.
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text(repos, folders))
    except FileExistsError:
        raise ConfigError(
            f"{path} exists already; it is left as it is. Write another with: "
            "butler init --config FILE"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None
    places = ("those in this folder" if folder == "." else folder for folder in folders)
    found = ", ".join([*(repo.name for repo in repos), *places]) or "none yet, so name some in it"
    return f"Wrote {path}. Repos: {found}. Next: butler check"


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
