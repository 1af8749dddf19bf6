"""The voice plugin."""

import asyncio
from collections.abc import Sequence
from typing import Self

from butler import Attachment, Finding, Plugin, Repo, UserError, duration
from butler_voice.engines import NoEngine, engine_of
from butler_voice.settings import VoiceSettings


class VoicePlugin(Plugin[VoiceSettings]):
    """Makes text of voice messages, by a service, a program, or on this machine."""

    settings_type = VoiceSettings

    async def __aenter__(self) -> Self:
        self._engine = engine_of(self.settings)
        return self

    def findings(self, repos: Sequence[Repo]) -> list[Finding]:
        """Check that an engine is set up."""
        if isinstance(engine_of(self.settings), NoEngine):
            said = "no engine is set up: url, command, or pip install 'butler-whatsapp[voice]'"
            return [Finding(False, "voice", said)]
        return [
            Finding(True, "voice", self.settings.url or " ".join(self.settings.command) or "local")
        ]

    @property
    def confirms_speech(self) -> bool:
        """Return whether what would act is confirmed first."""
        return self.settings.confirm == "runs"

    def reload(self, settings: VoiceSettings) -> list[str]:
        """Take another engine, or other options of it."""
        self.settings = settings
        self._engine = engine_of(settings)
        return []

    async def transcribe(self, attachment: Attachment) -> str:
        """Return the words in a voice message."""
        if attachment.path is None:
            raise UserError("The recording is not here. Record it again.")
        limit_s = self.settings.time_limit
        try:
            async with asyncio.timeout(limit_s):
                return await self._engine.text(attachment.path, attachment.media_type)
        except TimeoutError:
            raise UserError(
                f"Speech to text took more than {duration(limit_s or 0)}. Write it instead."
            ) from None
