"""What can be configured: the keys, their types, and how their values are read."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from butler.access.rules import AccessRules, Audience, ChatRules, Grants, People, Role
from butler.chat.message import Person
from butler.chat.text import printable
from butler.repos.registry import Repo

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def _wrong(expected: str) -> PydanticCustomError:
    return PydanticCustomError("butler", "{expected}", {"expected": expected})


def _expanded_path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _wrong("expected a path")
    missing = [
        name
        for match in _VARIABLE.finditer(value)
        if (name := match[1] or match[2]) not in os.environ
    ]
    if missing:
        raise _wrong(f"the variable ${missing[0]} is not set")
    try:
        path = Path(os.path.expandvars(value)).expanduser()
    except RuntimeError:
        raise _wrong("there is no such user's home folder") from None
    return Path(os.path.normpath((info.context or Path.cwd()) / path))


def _seconds(value: object) -> float | None:
    if value == "never":
        return None
    match = re.fullmatch(r"([0-9]{1,6})\s*([smhd])", value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise _wrong('expected a time such as "30s", "15m", "12h" or "30d", or "never"')
    return float(int(match[1]) * _UNITS_S[match[2]])


def _person(value: object) -> Person:
    try:
        if not isinstance(value, str):
            raise TypeError
        person = Person.parse(value.replace(" ", ""))
    except (TypeError, ValueError):
        raise _wrong(
            'expected a phone number such as "+4915112345678", or a LID ("…@lid")'
        ) from None
    if person.lacks_country_code:
        raise _wrong('expected a phone number with its country code, such as "+4915112345678"')
    return person


def _chat_id(value: str) -> str:
    if not re.fullmatch(r"[^\s@]{1,64}(@[a-z.]{1,32})?", value):
        raise _wrong('expected a chat\'s id such as "120363405395407771@g.us"')
    return value


def _role(value: object) -> Role:
    if value not in ("user", "owner"):
        raise _wrong('expected "user" or "owner"')
    return Role[str(value).upper()]


def _all_different(names: tuple[str, ...]) -> tuple[str, ...]:
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise _wrong(f"{printable(twice[0])!r} stands there more than once")
    return names


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[^\s\w]{1,3}", value):
        raise _wrong('expected one to three punctuation marks such as "/" or "!"')
    return value


ConfiguredPath = Annotated[Path, BeforeValidator(_expanded_path)]
Seconds = Annotated[float | None, BeforeValidator(_seconds)]
ConfiguredPerson = Annotated[Person, BeforeValidator(_person)]
ConfiguredRole = Annotated[Role, BeforeValidator(_role)]
ChatId = Annotated[str, AfterValidator(_chat_id)]
Prefix = Annotated[str, AfterValidator(_prefix)]


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True
    )


class RepoConfig(_Section):
    """``[repos.<name>]``."""

    path: ConfiguredPath
    description: Annotated[str, Field(max_length=200)] = ""
    trusted: bool = False
    users: tuple[ConfiguredPerson, ...] | None = Field(default=None, strict=False)
    chats: tuple[ChatId, ...] | None = Field(default=None, strict=False)

    @property
    def audience(self) -> Audience | None:
        """Who may see the repo; None: every user."""
        if self.users is None and self.chats is None:
            return None
        return Audience(People(self.users or ()), frozenset(self.chats or ()))


class ChatRulesConfig(_Section):
    """``[access.rules."<chat>"]``: what differs in one chat."""

    people: tuple[ConfiguredPerson, ...] | None = Field(default=None, strict=False)
    needs: ConfiguredRole = Role.EVERYONE
    commands: dict[str, ConfiguredRole] = {}

    @property
    def rules(self) -> ChatRules:
        """The same for the gate."""
        people = None if self.people is None else People(self.people)
        return ChatRules(people, self.needs, self.commands)


class AccessConfig(_Section):
    """``[access]``: who may talk to Butler."""

    owners: tuple[ConfiguredPerson, ...] = Field(default=(), strict=False)
    users: tuple[ConfiguredPerson, ...] = Field(default=(), strict=False)
    chats: tuple[ChatId, ...] = Field(default=(), strict=False)
    commands: dict[str, ConfiguredRole] = {}
    rules: dict[ChatId, ChatRulesConfig] = {}


class LimitsConfig(_Section):
    """``[limits]``: how often commands may be called; owners are not limited."""

    person_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 20
    person_burst: Annotated[int, Field(ge=1, le=100_000)] = 10
    chat_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 60


class SessionsConfig(_Section):
    """``[sessions]``: where the chats' active repos are kept."""

    store: Literal["sqlite", "memory"] = "sqlite"
    expire_after: Seconds = None
    synchronous: Literal["NORMAL", "FULL"] = "NORMAL"


class WhatsAppConfig(_Section):
    """``[whatsapp]``."""

    device_name: Annotated[str, Field(min_length=1, max_length=50)] = "Butler"
    max_message_age: Seconds = 15 * 60.0
    messages_per_second: Annotated[float, Field(gt=0, le=100)] = 1.0
    messages_per_minute: Annotated[int, Field(ge=1, le=6_000)] = 20
    burst: Annotated[int, Field(ge=1, le=1_000)] = 5


class PluginsConfig(_Section):
    """``[plugins]``; the options of each are read by its own model."""

    model_config = ConfigDict(extra="allow")

    enabled: Annotated[tuple[str, ...], AfterValidator(_all_different)] = Field(
        default=("session", "run"), strict=False
    )


class RecordsConfig(_Section):
    """``[records]``: what became of messages."""

    max_mb: Annotated[int, Field(ge=1, le=100_000)] = 50

    @property
    def max_bytes(self) -> int:
        """The same in bytes."""
        return self.max_mb * 1_000_000


class LogConfig(_Section):
    """``[log]``."""

    level: Literal["debug", "info", "warning", "error"] = "info"


def _default_data_dir() -> Path:
    return Path(platformdirs.user_data_dir("butler", appauthor=False))


class Config(_Section):
    """Everything that can be configured, except the options of plugins."""

    prefix: Prefix = "/"
    data_dir: ConfiguredPath = Field(default_factory=_default_data_dir)
    repo_folders: tuple[ConfiguredPath, ...] = Field(default=(), strict=False)
    repos: dict[str, RepoConfig] = {}
    access: AccessConfig = AccessConfig()
    limits: LimitsConfig = LimitsConfig()
    sessions: SessionsConfig = SessionsConfig()
    whatsapp: WhatsAppConfig = WhatsAppConfig()
    plugins: PluginsConfig = PluginsConfig()
    records: RecordsConfig = RecordsConfig()
    log: LogConfig = LogConfig()

    def configured_repos(self, options: Mapping[str, Mapping[str, BaseModel]]) -> list[Repo]:
        """Return the repos configured by name, with the options of plugins by repo and plugin."""
        return [
            Repo(
                name,
                each.path,
                each.description,
                options.get(name, {}),
                is_trusted=each.trusted,
            )
            for name, each in self.repos.items()
        ]

    def access_rules(self, grants: Grants) -> AccessRules:
        """Return who may do what by the configuration, and by what owners said from a chat."""
        access = self.access
        return AccessRules(
            owners=People(access.owners),
            users=People(access.users),
            chats=frozenset(access.chats),
            rules={chat_id: each.rules for chat_id, each in access.rules.items()},
            commands=access.commands,
            audiences={
                name.casefold(): audience
                for name, each in self.repos.items()
                if (audience := each.audience) is not None
            },
            grants=grants,
        )
