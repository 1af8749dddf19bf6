"""The options of the voice plugin."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from butler import Seconds, Secret, Settings

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")]


class VoiceSettings(Settings):
    """``[plugins.voice]``: one engine, and whether what was heard is confirmed."""

    url: HttpUrl | None = None
    key: Secret | None = None
    command: Annotated[tuple[str, ...], Field(strict=False)] = ()
    model: str | None = None
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] | None = None
    confirm: Literal["runs", "never"] = "runs"
    time_limit: Seconds = 60.0

    @model_validator(mode="after")
    def _check_engine(self) -> Self:
        if self.url is not None and self.command:
            raise ValueError("url and command are two engines; set one of them")
        if self.command and not any("{file}" in each for each in self.command):
            raise ValueError('command needs "{file}" where the path of the recording goes')
        return self
