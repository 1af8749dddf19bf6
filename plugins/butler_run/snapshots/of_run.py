"""The snapshots before and after a run; runs proceed without them if git fails."""

import asyncio
import logging

from butler import GitError, Repo
from butler_run.snapshots.snapshots import Moment, Snapshots, summary
from butler_run.snapshots.working_copy import has_git

logger = logging.getLogger(__name__)


class RunSnapshots:
    """Takes the snapshots of one run.

    Attributes:
        before: The commit from before the run, if one could be made.
        after: The commit from after the run.
    """

    def __init__(self, repo: Repo, number: int) -> None:
        self.before: str | None = None
        self.after: str | None = None
        self._repo = repo
        self._number = number
        self._snapshots = Snapshots(repo.path)

    async def begin(self) -> None:
        """Take the snapshot before the run."""
        self.before = await self._taken(Moment.BEFORE)

    async def end(self) -> None:
        """Take the snapshot after the run, if there is one from before."""
        if self.before is not None:
            self.after = await self._taken(Moment.AFTER)

    async def changes(self) -> list[str]:
        """Summarize the changes of the run for the last line of its answer."""
        if self.before is None or self.after is None:
            is_copy = await asyncio.to_thread(has_git, self._repo.path)
            return [f"no {'snapshot' if is_copy else 'git'}, so no /undo"]
        try:
            files = await self._snapshots.files(self.before, self.after)
        except GitError as error:
            logger.info("run %d has no diff: %s", self._number, error)
            return []
        return [summary(files), "/diff", "/undo"] if files else ["no files changed"]

    async def prune(self) -> None:
        """Delete the snapshots of old runs."""
        try:
            await self._snapshots.prune()
        except GitError as error:
            logger.info("cannot delete old snapshots of %s: %s", self._repo.name, error)

    async def _taken(self, moment: Moment) -> str | None:
        try:
            return await self._snapshots.take(self._number, moment)
        except GitError as error:
            logger.info("run %d has no snapshot: %s", self._number, error)
            return None
