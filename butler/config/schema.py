"""The schema of the configuration: the keys and their types."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from butler.access.rules import AccessRules, Audience, ChatRules, Grants, People, Role
from butler.chat.text import folded
from butler.config.secrets import Secret
from butler.config.values import (
    ChatId,
    ConfiguredPath,
    ConfiguredPerson,
    ConfiguredRole,
    DifferentNames,
    EmailAddress,
    ListenAddress,
    MachineName,
    Prefix,
    RedisUrl,
    Seconds,
    SmtpUrl,
    WebUrl,
)
from butler.repos.registry import Repo
from butler.storage.redis_url import RedisPlace, parse


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
        """The people and chats that may see the repo; None for every user."""
        if self.users is None and self.chats is None:
            return None
        return Audience(People(self.users or ()), frozenset(self.chats or ()))


class ChatRulesConfig(_Section):
    """``[access.rules."<chat>"]``: the access rules of one chat."""

    people: tuple[ConfiguredPerson, ...] | None = Field(default=None, strict=False)
    needs: ConfiguredRole = Role.EVERYONE
    commands: dict[str, ConfiguredRole] = {}

    @property
    def rules(self) -> ChatRules:
        """The rules as the gate takes them."""
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
    """``[limits]``: rate limits of commands; owners have none."""

    person_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 20
    person_burst: Annotated[int, Field(ge=1, le=100_000)] = 10
    chat_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 60


StoreKind = Literal["sqlite", "redis", "memory"]


class SessionsConfig(_Section):
    """``[sessions]``: the store of the chats' active repos."""

    store: StoreKind = "sqlite"
    expire_after: Seconds = None
    synchronous: Literal["NORMAL", "FULL"] = "NORMAL"


class RedisConfig(_Section):
    """``[redis]``: the Redis or Valkey that several machines share."""

    url: RedisUrl | None = None
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")] = "butler"
    ca_file: ConfiguredPath | None = None

    @property
    def place(self) -> RedisPlace | None:
        """Which Redis to open; None if none is configured."""
        if self.url is None:
            return None
        return RedisPlace(parse(self.url.get_secret_value()), self.name, self.ca_file)


def _host_name() -> str:
    """Return the name of this machine without its domain, in the letters of a machine's name."""
    name = re.sub(r"[^a-z0-9-]", "-", socket.gethostname().partition(".")[0].lower())
    return name.strip("-")[:32] or "machine"


class MachineConfig(_Section):
    """``[machine]``: this machine, as the others know it."""

    name: MachineName = Field(default_factory=_host_name)
    repos: DifferentNames | None = Field(default=None, strict=False)


class WhatsAppConfig(_Section):
    """``[whatsapp]``."""

    device_name: Annotated[str, Field(min_length=1, max_length=50)] = "Butler"
    max_message_age: Seconds = 15 * 60.0
    messages_per_second: Annotated[float, Field(gt=0, le=100)] = 1.0
    messages_per_minute: Annotated[int, Field(ge=1, le=6_000)] = 20
    burst: Annotated[int, Field(ge=1, le=1_000)] = 5


class MediaConfig(_Section):
    """``[media]``: pictures, documents and the like that people send."""

    max_mb: Annotated[int, Field(ge=1, le=100)] = 16
    per_run: Annotated[int, Field(ge=0, le=100)] = 10
    keep: Seconds = 7 * 86_400.0

    @property
    def max_bytes(self) -> int:
        """The largest file in bytes."""
        return self.max_mb * 1_000_000


class PluginsConfig(_Section):
    """``[plugins]``; the options of each are read by its own model."""

    model_config = ConfigDict(extra="allow")

    enabled: DifferentNames = Field(default=("session", "run"), strict=False)


class RecordsConfig(_Section):
    """``[records]``: the log of handled and ignored messages."""

    max_mb: Annotated[int, Field(ge=1, le=100_000)] = 50
    keep: Seconds = 90 * 86_400.0

    @property
    def max_bytes(self) -> int:
        """The same in bytes."""
        return self.max_mb * 1_000_000


LogLevel = Literal["debug", "info", "warning", "error"]


class NotifyConfig(_Section):
    """``[notify]``: how the owner hears of trouble while WhatsApp is what broke."""

    ntfy: WebUrl | None = None
    ntfy_token: Secret | None = None
    webhook: WebUrl | None = None
    webhook_secret: Secret | None = None
    smtp: SmtpUrl | None = None
    email_to: tuple[EmailAddress, ...] = Field(default=(), strict=False)
    email_from: EmailAddress | None = None
    command: tuple[str, ...] = Field(default=(), strict=False)
    apprise: Secret | None = None
    ping: WebUrl | None = None
    restarts: bool = True

    @model_validator(mode="after")
    def _check_email(self) -> Self:
        if self.smtp is not None and not self.email_to:
            said = "smtp is set, but email_to does not say to whom"
            raise PydanticCustomError("butler", "{expected}", {"expected": said})
        return self


class MetricsConfig(_Section):
    """``[metrics]``: figures for Prometheus."""

    listen: ListenAddress | None = None
    textfile: ConfiguredPath | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nobody asks for any."""
        return self.listen is None and self.textfile is None

    @model_validator(mode="after")
    def _check_textfile(self) -> Self:
        if self.textfile is not None and self.textfile.suffix != ".prom":
            said = "textfile must end in .prom, as node_exporter reads no other file"
            raise PydanticCustomError("butler", "{expected}", {"expected": said})
        return self


class LogConfig(_Section):
    """``[log]``."""

    level: LogLevel = "info"
    format: Literal["text", "json"] = "text"
    file: ConfiguredPath | None = None
    max_mb: Annotated[int, Field(ge=1, le=10_000)] = 10
    loggers: dict[str, LogLevel] = {}


class PanelConfig(_Section):
    """``[panel]``: the panel in the browser, which runs with the daemon if this is there."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 0


def _default_data_dir() -> Path:
    return Path(platformdirs.user_data_dir("butler", appauthor=False))


class Config(_Section):
    """The whole configuration, except the options of plugins."""

    prefix: Prefix = "/"
    data_dir: ConfiguredPath = Field(default_factory=_default_data_dir)
    repo_folders: tuple[ConfiguredPath, ...] = Field(default=(), strict=False)
    repos: dict[str, RepoConfig] = {}
    access: AccessConfig = AccessConfig()
    limits: LimitsConfig = LimitsConfig()
    sessions: SessionsConfig = SessionsConfig()
    redis: RedisConfig = RedisConfig()
    machine: MachineConfig = Field(default_factory=MachineConfig)
    whatsapp: WhatsAppConfig = WhatsAppConfig()
    media: MediaConfig = MediaConfig()
    plugins: PluginsConfig = PluginsConfig()
    records: RecordsConfig = RecordsConfig()
    notify: NotifyConfig = NotifyConfig()
    metrics: MetricsConfig = MetricsConfig()
    log: LogConfig = LogConfig()
    panel: PanelConfig | None = None

    @model_validator(mode="after")
    def _check_redis(self) -> Self:
        if self.sessions.store == "redis" and self.redis.url is None:
            said = 'sessions.store is "redis", but redis.url does not say where that is'
            raise PydanticCustomError("butler", "{expected}", {"expected": said})
        return self

    @property
    def panel_port(self) -> int:
        """The port of the panel; 0 for any that is free."""
        return self.panel.port if self.panel else 0

    def configured_repos(self, options: Mapping[str, Mapping[str, BaseModel]]) -> list[Repo]:
        """Return the repos that are configured by name."""
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
        """Return the access rules of the configuration and of the grants made from a chat."""
        access = self.access
        return AccessRules(
            owners=People(access.owners),
            users=People(access.users),
            chats=frozenset(access.chats),
            rules={chat_id: each.rules for chat_id, each in access.rules.items()},
            commands=access.commands,
            audiences={
                folded(name): audience
                for name, each in self.repos.items()
                if (audience := each.audience) is not None
            },
            grants=grants,
        )
