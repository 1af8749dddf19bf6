"""What agents offer in a repo, asked from the agents themselves."""

import asyncio
import time
from dataclasses import dataclass

from butler import Repo
from butler_run.agents import Offer
from butler_run.choice import Choice
from butler_run.sandbox.enclosures import Enclosures
from butler_run.snapshots.working_copy import working_copy

KEPT_S = 600.0
"""How long an answer counts."""


@dataclass(frozen=True, slots=True)
class _Kept:
    offer: Offer
    at: float


class Offers:
    """Asks agents, each in its sandbox, and keeps the answers for a while."""

    def __init__(self, enclosures: Enclosures) -> None:
        self._enclosures = enclosures
        self._kept: dict[tuple[str, str], _Kept] = {}

    async def of(self, repo: Repo, choice: Choice, *, is_fresh: bool = False) -> Offer:
        """Return what an agent offers in a repo.

        Args:
            repo: Where.
            choice: The agent.
            is_fresh: Ask it now, whatever it said before.

        Raises:
            UserError: It cannot be asked.
        """
        key, now = (repo.name, choice.name), time.monotonic()
        kept = self._kept.get(key)
        if kept is not None and not is_fresh and now - kept.at < KEPT_S:
            return kept.offer
        copy = await asyncio.to_thread(working_copy, repo)
        await asyncio.to_thread(self._enclosures.check, repo, choice.boundary)
        offer = await choice.agent.look(
            folder=repo.path,
            environment=choice.environment,
            enclosure=self._enclosures.of_run(repo, copy, choice.boundary),
        )
        self._kept[key] = _Kept(offer, now)
        return offer
