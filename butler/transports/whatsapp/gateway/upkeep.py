"""Prunes what has become old, while nobody waits for it."""

import asyncio
from contextlib import suppress
from pathlib import Path

from butler.storage.pruning import boot_time
from butler.transports.whatsapp.gateway.receiving import persisted
from butler.transports.whatsapp.gateway.secret_pruning import prune_secrets
from butler.transports.whatsapp.journal.database import Journal, UnwritableError

EVERY_S = 3600.0
SECRETS_EVERY_S = 24 * 3600.0
SECRETS_AFTER_S = 600.0
"""After the start, which must not be held up by anything."""


class Upkeep:
    """The pruning of the journal and of the library's secrets.

    Args:
        journal: The journal.
        folder: The folder of the credentials.
    """

    def __init__(self, journal: Journal, folder: Path) -> None:
        self._journal = journal
        self._folder = folder

    async def prune(self) -> None:
        """Prune the journal every hour, forever."""
        while True:
            await persisted(self._journal.prune)
            await asyncio.sleep(EVERY_S)

    async def prune_secrets(self) -> None:
        """Prune the secrets ten minutes after the start and then every day, forever."""
        due_at = boot_time() + SECRETS_AFTER_S
        while True:
            # Not in one sleep, as a day of a laptop has few hours in which timers run.
            await asyncio.sleep(SECRETS_AFTER_S)
            if boot_time() >= due_at:
                due_at = boot_time() + SECRETS_EVERY_S
                with suppress(OSError, TimeoutError, UnwritableError):  # again tomorrow
                    await prune_secrets(self._folder, self._journal.secret_marks)
