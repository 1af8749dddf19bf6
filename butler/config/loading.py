"""The configuration: the only reader of TOML.

The result is typed and frozen. All mistakes are reported together, each with the file, the key, the
expected value, and the nearest known key.
"""

import grp
import os
import pwd
import shlex
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import platformdirs
from pydantic import BaseModel, ValidationError

from butler.chat.text import folded, printable
from butler.config.messages import expected, hint, unknown_key
from butler.config.schema import Config, PluginsConfig, RepoConfig
from butler.config.secrets import lines_with_secrets, secrets_in
from butler.errors import ConfigError
from butler.repos.registry import name_problem

FILE_NAME = "config.toml"
MAX_FILE_BYTES = 1_000_000

ModelT = TypeVar("ModelT", bound=BaseModel)


def find(explicit: Path | None = None) -> Path:
    """Return the configuration file: ``explicit``, ``$BUTLER_CONFIG``, ./config.toml, the user's.

    Raises:
        ConfigError: None exists; the text names the places.
    """
    if explicit is not None:
        return explicit
    if named := os.environ.get("BUTLER_CONFIG"):
        return Path(named)
    users = users_file()
    here = Path(FILE_NAME)
    if _is_there(here):
        _check_owner(here)
        return here
    if _is_there(users):
        return users
    raise ConfigError(f"There is no {FILE_NAME} here and no {users}. Write one with: butler init")


def _check_owner(path: Path) -> None:
    """Refuse a file found by default that belongs to another user, who could run commands by it."""
    try:
        owner = path.stat().st_uid
    except OSError:  # reading it reports why
        return
    if owner not in {0, os.geteuid()}:
        raise ConfigError(
            f"./{path} belongs to another user, who could use it to run commands as you. "
            f"To use it all the same: --config {path}"
        )


def users_file() -> Path:
    """Return where the user's own configuration is."""
    return Path(platformdirs.user_config_dir("butler", appauthor=False)) / FILE_NAME


def read(path: Path | None = None) -> Config:
    """Return the configuration, without the options of plugins.

    Raises:
        ConfigError: The file does not exist or has mistakes.
    """
    return Draft(find(path)).finish()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # reading it reports why
        return True


class Draft:
    """A configuration file and the mistakes found in it so far.

    Args:
        path: The file.
        kept: A copy of an earlier version, to be read in its place.

    Attributes:
        path: The file.
        text: What was read.
        mistakes: One sentence each.
    """

    def __init__(self, path: Path, kept: Path | None = None) -> None:
        self.path = path
        self.text, self._is_readable_by_others = _read(kept or path)
        self._data = _parsed(path, self.text)
        self.mistakes: list[str] = []
        self._secrets = [f"line {number}" for number in lines_with_secrets(self.text)]
        self._plugin_keys = _take_plugin_keys(self._data)
        self._known_keys = set(RepoConfig.model_fields)
        self._config = self._validated(Config, self._data, ())
        self._check_repo_names()

    @property
    def enabled_plugins(self) -> tuple[str, ...]:
        """The names of the plugins to load, in order; the default ones if the key is wrong.

        So mistakes elsewhere do not hide those in the options of plugins.
        """
        try:
            return PluginsConfig.model_validate(self._data.get("plugins", {})).enabled
        except ValidationError:
            return PluginsConfig().enabled

    def check_plugin_names(self, installed: Iterable[str]) -> None:
        """Report sections under ``[plugins]`` that belong to no installed plugin."""
        installed = set(installed)
        for key, value in _table(self._data, "plugins").items():
            if key != "enabled" and key not in installed:
                known = [*installed, "enabled"] if isinstance(value, dict) else ["enabled"]
                self._note(("plugins", key), unknown_key(key, known))

    def settings(self, plugin: str, model: type[ModelT]) -> ModelT | None:
        """Return the options of ``plugin``; report mistakes and return None if they are wrong."""
        section = _table(self._data, "plugins").get(plugin, {})
        return self._validated(model, section, ("plugins", plugin))

    def repo_settings(self, model: type[ModelT]) -> dict[str, ModelT]:
        """Return a plugin's own options of each repo, without the wrong ones, which it reports."""
        self._known_keys |= set(model.model_fields)
        found: dict[str, ModelT] = {}
        for name, keys in self._plugin_keys.items():
            own = {key: value for key, value in keys.items() if key in model.model_fields}
            settings = self._validated(model, own, ("repos", name))
            if settings is not None:
                found[name] = settings
        return found

    def check_repo_keys(self) -> None:
        """Report keys under ``[repos.<name>]`` that neither Butler nor a plugin knows."""
        for name, keys in self._plugin_keys.items():
            for key in keys.keys() - self._known_keys:
                self._note(("repos", name, key), unknown_key(key, self._known_keys))

    def check_commands(self, names: Mapping[str, str]) -> None:
        """Report unknown commands under ``[access]``, because their rules would have no effect.

        Args:
            names: All names and aliases of commands, each with its command.
        """
        for place, table in self._command_tables():
            for key in table:
                if key not in names:
                    self._note(
                        (*place, key),
                        f"no enabled plugin has such a command; {hint(key, names.values())}",
                    )
                elif names[key] != key:
                    self._note((*place, key), f"is an alias of {names[key]}; use that")

    def finish(self) -> Config:
        """Return the configuration.

        Raises:
            ConfigError: The file has mistakes; the text has all of them.
        """
        self._check_privacy()
        if self.mistakes or self._config is None:
            raise ConfigError(self.mistakes)
        return self._config

    def _check_privacy(self) -> None:
        if self._secrets and self._is_readable_by_others:
            self.mistakes.append(
                f"{self.path}: holds a secret ({self._secrets[0]}) and is readable by others. "
                f"Protect it: chmod 600 {shlex.quote(str(self.path))}"
            )

    def _check_repo_names(self) -> None:
        seen: dict[str, str] = {}
        for name in _table(self._data, "repos"):
            if problem := name_problem(name):
                self._note(("repos", name), f"is not a valid repo name: {problem}")
            if (other := seen.setdefault(folded(name), name)) != name:
                self._note(("repos", name), f"differs from {printable(other)} only in case")

    def _command_tables(self) -> Iterator[tuple[tuple[str, ...], dict[str, object]]]:
        access = _table(self._data, "access")
        yield ("access", "commands"), _table(access, "commands")
        rules = _table(access, "rules")
        for chat_id in rules:
            place = ("access", "rules", chat_id, "commands")
            yield place, _table(_table(rules, chat_id), "commands")

    def _note(self, place: tuple[str, ...], problem: str) -> None:
        key = _key(place)
        self.mistakes.append(f"{self.path}: {key}: {problem}" if key else f"{self.path}: {problem}")

    def _validated(
        self, model: type[ModelT], data: object, place: tuple[str, ...]
    ) -> ModelT | None:
        try:
            read = model.model_validate(data, context=self.path.absolute().parent)
        except ValidationError as error:
            for each in error.errors(include_url=False):
                location = tuple(str(part) for part in each["loc"])
                self._note(place + location, expected(model, each))
            return None
        self._secrets += [_key(each) for each in secrets_in(read, place)]
        return read


def _read(path: Path) -> tuple[str, bool]:
    """Return the text of a file, and whether others than its owner can read it."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            _check_writers(path, found)
            data = file.read(MAX_FILE_BYTES + 1)
            is_readable_by_others = bool(found.st_mode & 0o044)
        if len(data) > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_FILE_BYTES:,} bytes.")
        return data.decode("utf-8-sig"), is_readable_by_others
    except FileNotFoundError:
        here = shlex.quote(str(path))
        raise ConfigError(
            f"There is no file {path}. Write one with: butler init --config {here}"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text.") from None


def _check_writers(path: Path, found: os.stat_result) -> None:
    """Refuse a file that others can write or replace: it says which programs run as this user."""
    if not stat.S_ISREG(found.st_mode):
        return
    if _is_open(found):
        raise ConfigError(
            f"{path} is writable by others, who could use it to run commands as you. "
            f"Protect it: chmod go-w {shlex.quote(str(path))}"
        )
    for folder in {path.absolute().parent, path.resolve().parent}:
        found = folder.stat()
        if _is_open(found) and not found.st_mode & stat.S_ISVTX:
            raise ConfigError(
                f"{path} is replaceable by others, who could use it to run commands as you. "
                f"Protect its folder: chmod go-w {shlex.quote(str(folder))}"
            )


def _is_open(found: os.stat_result) -> bool:
    """Return whether others can write a file or folder."""
    is_to_group = bool(found.st_mode & stat.S_IWGRP) and not _is_private_group(found)
    return bool(found.st_mode & stat.S_IWOTH) or is_to_group


def _is_private_group(found: os.stat_result) -> bool:
    """Return whether the owner of a file is the only member of its group."""
    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:
        return False
    others = {each.pw_name for each in pwd.getpwall() if each.pw_gid == found.st_gid}
    return owner.pw_gid == found.st_gid and {*others, *group.gr_mem} <= {owner.pw_name}


def _parsed(path: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply.") from None


def _table(data: Mapping[str, object], key: str) -> dict[str, object]:
    """Return the table under ``key``; an empty one if it is missing."""
    table = data.get(key)
    return table if isinstance(table, dict) else {}


def _take_plugin_keys(data: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Remove the keys that are not Butler's own from each ``[repos.<name>]``; return them."""
    return {
        name: {key: table.pop(key) for key in list(table) if key not in RepoConfig.model_fields}
        for name, table in _table(data, "repos").items()
        if isinstance(table, dict)
    }


def _key(place: Iterable[str]) -> str:
    return ".".join(printable(part) for part in place)
