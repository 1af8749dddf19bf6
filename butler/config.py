"""The configuration: the only reader of TOML.

What is read is typed and frozen, and every mistake is reported at once, with the file, the key,
what was expected, and the nearest key there is.
"""

import os
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar, get_args

import platformdirs
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from butler.errors import ConfigError
from butler.repos import name_problem, printable
from butler.schema import Config, PluginsConfig, RepoConfig
from butler.secret import lines_with_secrets, may_hold_secret, secrets_in

FILE_NAME = "config.toml"
MAX_FILE_BYTES = 1_000_000

ModelT = TypeVar("ModelT", bound=BaseModel)


def find(explicit: Path | None = None) -> Path:
    """Return the configuration file: ``explicit``, ``$BUTLER_CONFIG``, ./config.toml, the user's.

    Raises:
        ConfigError: There is none; the text says where it was looked for.
    """
    if explicit is not None:
        return explicit
    if named := os.environ.get("BUTLER_CONFIG"):
        return Path(named)
    users = Path(platformdirs.user_config_dir("butler", appauthor=False)) / FILE_NAME
    for path in (Path(FILE_NAME), users):
        if _is_there(path):
            return path
    raise ConfigError(f"There is no {FILE_NAME} here and no {users}. Write one with: butler init")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # reading it says why it cannot be looked at
        return True


class Draft:
    """A configuration file that was read, with the mistakes found in it so far.

    Attributes:
        path: The file.
        mistakes: One sentence each.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text, self._is_readable_by_others = _read(path)
        self._data = _parsed(path, text)
        self.mistakes: list[str] = []
        self._secrets = [f"line {number}" for number in lines_with_secrets(text)]
        self._plugin_keys = _take_plugin_keys(self._data)
        self._known_keys = set(RepoConfig.model_fields)
        self._config = self._validated(Config, self._data, ())
        self._check_repo_names()

    @property
    def enabled_plugins(self) -> tuple[str, ...]:
        """The names of the plugins to load, in order; those by default if the key is wrong.

        Mistakes elsewhere do not hide those in the options of plugins.
        """
        try:
            return PluginsConfig.model_validate(self._data.get("plugins", {})).enabled
        except ValidationError:
            return PluginsConfig().enabled

    def check_plugin_names(self, installed: Iterable[str]) -> None:
        """Note the sections under ``[plugins]`` that belong to no installed plugin."""
        plugins = self._data.get("plugins")
        installed = set(installed)
        for key, value in plugins.items() if isinstance(plugins, dict) else ():
            if key != "enabled" and key not in installed:
                known = [*installed, "enabled"] if isinstance(value, dict) else ["enabled"]
                self._note(("plugins", key), _unknown(key, known))

    def settings(self, plugin: str, model: type[ModelT]) -> ModelT | None:
        """Return the options of ``plugin``; None, with the mistakes noted, if they are wrong."""
        plugins = self._data.get("plugins")
        section = plugins.get(plugin, {}) if isinstance(plugins, dict) else {}
        return self._validated(model, section, ("plugins", plugin))

    def repo_settings(self, model: type[ModelT]) -> dict[str, ModelT]:
        """Return a plugin's own options of each repo, with mistakes noted where they are wrong."""
        self._known_keys |= set(model.model_fields)
        found: dict[str, ModelT] = {}
        for name, keys in self._plugin_keys.items():
            own = {key: value for key, value in keys.items() if key in model.model_fields}
            settings = self._validated(model, own, ("repos", name))
            if settings is not None:
                found[name] = settings
        return found

    def check_repo_keys(self) -> None:
        """Note the keys under ``[repos.<name>]`` that neither Butler nor a plugin knows."""
        for name, keys in self._plugin_keys.items():
            for key in keys.keys() - self._known_keys:
                self._note(("repos", name, key), _unknown(key, self._known_keys))

    def finish(self) -> Config:
        """Return the configuration.

        Raises:
            ConfigError: There were mistakes; it has all of them.
        """
        self._check_privacy()
        if self.mistakes or self._config is None:
            raise ConfigError(self.mistakes)
        return self._config

    def check_commands(self, names: Mapping[str, str]) -> None:
        """Refuse a role that is asked for a command that there is not: it would protect nothing.

        Args:
            names: The name of each command, by that and by its aliases.

        Raises:
            ConfigError: There are such; it has all of them.
        """
        for place in self.finish().access.restricted_commands:
            name = names.get(place[-1])
            if name is None:
                self._note(place, _unknown(place[-1], names.values(), "command"))
            elif name != place[-1]:
                self._note(place, f"is another name of {name}; write {name}")
        self.finish()

    def _check_privacy(self) -> None:
        if self._secrets and self._is_readable_by_others:
            self.mistakes.append(
                f"{self.path}: it holds a secret ({self._secrets[0]}), and others can read it. "
                f"Close it to them: chmod 600 {shlex.quote(str(self.path))}"
            )

    def _check_repo_names(self) -> None:
        repos = self._data.get("repos")
        seen: dict[str, str] = {}
        for name in repos if isinstance(repos, dict) else ():
            if problem := name_problem(name):
                self._note(("repos", name), f"is no name for a repo: {problem}")
            if (other := seen.setdefault(name.casefold(), name)) != name:
                self._note(("repos", name), f"differs from {printable(other)} only in case")

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
                self._note(place + location, _expected(model, each))
            return None
        self._secrets += [_key(each) for each in secrets_in(read, place)]
        return read


def _read(path: Path) -> tuple[str, bool]:
    """Return the text of a file, and whether anybody but its owner can read it."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
            is_readable_by_others = bool(os.fstat(file.fileno()).st_mode & 0o044)
        if len(data) > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_FILE_BYTES:,} bytes.")
        return data.decode(), is_readable_by_others
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}. Write one with: butler init") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text.") from None


def _parsed(path: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply.") from None


def _take_plugin_keys(data: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Take the keys that are not Butler's own out of each ``[repos.<name>]``; return them."""
    repos = data.get("repos")
    return {
        name: {key: table.pop(key) for key in list(table) if key not in RepoConfig.model_fields}
        for name, table in (repos.items() if isinstance(repos, dict) else ())
        if isinstance(table, dict)
    }


def _key(place: Iterable[str]) -> str:
    return ".".join(printable(part) for part in place)


def _expected(model: type[BaseModel], error: ErrorDetails) -> str:
    """Say what was expected, in Butler's words rather than pydantic's."""
    kind, place = error["type"], error["loc"]
    if kind == "extra_forbidden":
        return _unknown(str(place[-1]), _keys(model, place[:-1]))
    if kind == "missing":
        return "is missing"
    if kind == "butler" and isinstance(error["input"], (list, tuple)):
        return error["msg"]
    if may_hold_secret(_kind(model, place)):
        return _expectation(error)
    return f"{_expectation(error)}, found {_shown(error['input'])}"


def _expectation(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind].format(**context)}"
    if kind == "butler":
        return error["msg"]
    said = re.sub(r"^(Value error|Assertion failed), ", "", error["msg"])
    said = re.sub(
        r"^(Input|Value|String|Tuple|List|Dictionary) should (be |have )?", "expected ", said
    )
    return said[:1].lower() + said[1:].rstrip(".")


_EXPECTED = {
    "string_type": "a text in quotes",
    "string_too_short": "a text of length {min_length} or more",
    "string_too_long": "a text of length {max_length} or less",
    "too_short": "a length of {min_length} or more",
    "too_long": "a length of {max_length} or less",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "tuple_type": "a list in brackets",
    "list_type": "a list in brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}


def _unknown(key: str, known: Iterable[str], what: str = "key") -> str:
    known = sorted(set(known))
    if near := get_close_matches(key, known, n=1, cutoff=0.5):
        return f"unknown {what}; did you mean {near[0]}?"
    return f"unknown {what}; known here: {', '.join(known) or 'none'}"


def _keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the table at ``place``, a path of keys from ``model`` downwards."""
    table = _model_in(_kind(model, place))
    return list(table.model_fields) if table else []


def _kind(model: type[BaseModel], place: tuple[int | str, ...]) -> object:
    """Return the type of what stands at ``place``; of what is around it where that is not known."""
    kind: object = model
    for part in place:
        table = _model_in(kind)
        if table is not None and str(part) in table.model_fields:
            kind = table.model_fields[str(part)].annotation
    return kind


def _model_in(kind: object) -> type[BaseModel] | None:
    """Return the model that a type is or contains."""
    for each in (kind, *get_args(kind)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _shown(value: object) -> str:
    return printable(repr(value), 60)
