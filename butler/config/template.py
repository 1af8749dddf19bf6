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
"""The placeholder repo in the template, copied for each repo; not a valid repo name."""


@dataclass(frozen=True, slots=True)
class Named:
    """A repo to write into the file, with ``path`` as written there."""

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
    """Write a configuration with the repos found nearby; return a summary for the user.

    Raises:
        ConfigError: The file exists, or cannot be written.
    """
    path = path or Path(FILE_NAME)
    here = path.absolute().parent
    folders = [f"~/{name}" for name in USUAL_FOLDERS if _has_repos(Path.home() / name)]
    repos = [Named(here.name, ".")] if _can_be_repo(here) else []
    if not repos and _has_repos(here):
        folders.insert(0, ".")
    try:
        # Readable by its owner only, because it may get secrets.
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text(repos, folders))
    except FileExistsError:
        raise ConfigError(
            f"{path} already exists and was not changed. Write another with: "
            "butler init --config FILE"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None
    places = ("those in this folder" if folder == "." else folder for folder in folders)
    found = ", ".join([*(repo.name for repo in repos), *places]) or "none yet, so add some to it"
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
