"""Prints docs/configuration.md: types and defaults from the models, meanings from the template."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib.resources import files
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, MaxLen
from pydantic import BaseModel

from butler.access.rules import Role
from butler.config import schema, values
from butler_run.settings import AbsolutePath, AgentSettings, Host, RepoRunSettings, RunSettings
from butler_voice.settings import VoiceSettings

_INTRODUCTION = """\
# Configuration

One TOML file: `--config`, `$BUTLER_CONFIG`, `./config.toml`, or the one in your configuration folder.
`butler init` writes it with comments, `butler check` reports all mistakes at once. Unknown keys are mistakes.
A running daemon reads changes by itself, see [Operations](operations.md#changing-the-configuration).

A *time* is `"30s"`, `"15m"`, `"12h"`, `"30d"` or `"never"`. A *person* is a phone number with its country code, or a
LID (`"…@lid"`). A *path* may contain `~` and `$VARIABLES`, and begins at the folder of the file. A *secret* is
text, `{ env = "NAME" }` or `{ file = "path" }`.

This page is made by `make docs` from the models that read the file.
"""
_NAMES = {
    values.ConfiguredPath: "path",
    AbsolutePath: "path",
    values.Seconds: "time",
    values.ConfiguredPerson: "person",
    values.ConfiguredRole: '`"user"`, `"owner"`',
    values.ChatId: "chat id",
    values.WebUrl: "secret",
    values.SmtpUrl: "secret",
    values.RedisUrl: "secret",
    values.EmailAddress: "e-mail address",
    values.Secret: "secret",
    values.MachineName: "name",
    values.DifferentNames: "list of names",
    Host: "host",
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
}
_REPO = '[repos."<name>"]'
_AGENT = "[plugins.run.agents.<name>]"
_RULES = '[access.rules."<chat>"]'
_MODELS: dict[str, tuple[type[BaseModel], ...]] = {
    "": (schema.Config,),
    _REPO: (schema.RepoConfig, RepoRunSettings),
    _RULES: (schema.ChatRulesConfig,),
    "[plugins.run]": (RunSettings,),
    "[plugins.voice]": (VoiceSettings,),
    _AGENT: (AgentSettings,),
    "[panel]": (schema.PanelConfig,),
}


@dataclass(slots=True)
class _Section:
    """A table of the template: its header, and its keys with what the comments say."""

    header: str
    meanings: dict[str, str] = field(default_factory=dict)


def main() -> None:
    print(page(), end="")


def page() -> str:
    """Return the page."""
    sections = list(_sections())
    shared = {
        name: said
        for each in reversed(sections)
        if "run" in each.header
        for name, said in each.meanings.items()
    }
    return "\n".join([_INTRODUCTION, *(line for each in sections for line in _shown(each, shared))])


def _sections() -> Iterator[_Section]:
    """Return the tables of the template in its order."""
    section = _Section("")
    words: list[str] = []
    for line in files("butler.config").joinpath("template.toml").read_text().splitlines():
        text = line.removeprefix("# ")
        if header := re.fullmatch(r"\[[\w.\"<>@]+\]", text):
            yield section
            section, words = _Section(_header(header[0])), []
        elif key := re.match(r"(\w+) = ", text):
            section.meanings[key[1]] = " ".join(words)
            words = []
        elif line.startswith("# "):
            words.append(text)
        else:
            words = []
    yield section


def _header(text: str) -> str:
    if text.startswith("[access.rules."):
        return _RULES
    return _AGENT if text.startswith("[plugins.run.agents.") else text


def _shown(section: _Section, shared: Mapping[str, str]) -> Iterator[str]:
    fields = {name: each for model in _models(section.header) for name, each in _fields(model)}
    keys = [name for name in (*section.meanings, *fields) if name in fields]
    if not keys:
        return
    yield f"## `{section.header}`" if section.header else "## At the top"
    yield from ("", "| Key | Type | Default | Meaning |", "|---|---|---|---|")
    for name in dict.fromkeys(keys):
        kind, default = fields[name]
        meaning = section.meanings.get(name) or shared.get(name, "")
        yield f"| `{name}` | {kind} | {default} | {meaning.replace('|', chr(92) + '|')} |"
    yield ""


def _models(header: str) -> tuple[type[BaseModel], ...]:
    if header in _MODELS:
        return _MODELS[header]
    found = schema.Config.model_fields[header.strip("[]")].annotation
    return (found,) if isinstance(found, type) and issubclass(found, BaseModel) else ()


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Return the type and the default of each key that is no table."""
    hints = get_type_hints(model, include_extras=True)
    for name, info in model.model_fields.items():
        kind = _kind(hints[name])
        if not kind:
            continue
        default = "needed" if info.is_required() else _literal(info.get_default(), kind)
        if info.get_default() is None and name in AgentSettings.model_fields:
            default = "the agent's" if model is RepoRunSettings else ""
        yield name, (kind, "this machine's" if info.default_factory else default)


def _kind(annotation: Any) -> str:
    """Return the name of a type, empty for a table."""
    if annotation in _NAMES:
        return _NAMES[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return f"{_kind(arguments[0])}{_bounds(arguments[1:])}"
    if origin is Literal:
        return ", ".join(f'`"{each}"`' for each in arguments)
    if origin in {Union, UnionType}:
        kinds = (_kind(each) for each in arguments if each is not type(None))
        return ", or ".join(filter(None, kinds))
    if origin is tuple:
        return f"list of {_plural(_kind(arguments[0]))}"
    if origin is dict:
        kind = _kind(arguments[1])
        return f"table of {kind}" if kind else ""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f'`"{each.value}"`' for each in annotation)
    return ""


def _plural(kind: str) -> str:
    irregular = {"person": "people", "e-mail address": "e-mail addresses"}
    return irregular.get(kind, kind if kind.endswith("s") else f"{kind}s")


def _bounds(metadata: tuple[Any, ...]) -> str:
    found = [each for one in metadata for each in getattr(one, "metadata", [one])]
    low = next((each.ge for each in found if isinstance(each, Ge)), None)
    high = next((each.le for each in found if isinstance(each, Le)), None)
    above = next((each.gt for each in found if isinstance(each, Gt)), None)
    longest = next((each.max_length for each in found if isinstance(each, MaxLen)), None)
    if low is not None and high is not None:
        return f" from {low:,} to {high:,}"
    if low is not None:
        return f" of at least {low:,}"
    if above is not None:
        return f" above {above}" + (f", up to {high}" if high is not None else "")
    return f" of at most {longest:,} characters" if longest is not None else ""


def _literal(value: object, kind: str) -> str:
    """Return a default as it is written in TOML; nothing where there is none."""
    if kind == "time":
        return f'`"{_span(value)}"`'
    if value is None or value is Role.EVERYONE or value in ((), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"`{value}`"
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    name = value.name.lower() if isinstance(value, Enum) else value
    return f'`"{name}"`'


def _span(value: object) -> str:
    if not isinstance(value, float):
        return "never"
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if value % seconds == 0:
            return f"{value / seconds:g}{unit}"
    return f"{value:g}s"


if __name__ == "__main__":
    main()
