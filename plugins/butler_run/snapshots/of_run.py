"""The snapshots before and after a run; runs proceed without them if git fails."""

import asyncio
import logging

from butler import GitError, Repo, listed
from butler_run.snapshots.changes import summary
from butler_run.snapshots.snapshots import Moment, SnapshotFolder
from butler_run.snapshots.working_copy import has_git

logger = logging.getLogger(__name__)


class RunSnapshots:
    """Takes the snapshots of one run.

    Attributes:
        before: The commit from before the run, if one could be made.
        after: The commit from after the run.
    """

    def __init__(self, repo: Repo, number: int, folder: SnapshotFolder) -> None:
        self.before: str | None = None
        self.after: str | None = None
        self._problem = ""
        self._repo = repo
        self._number = number
        self._snapshots = folder.of(repo.path)

    async def begin(self) -> None:
        """Take the snapshot before the run."""
        try:
            self.before = await self._snapshots.take(self._number, Moment.BEFORE)
        except GitError as error:
            self._note(error)

    async def end(self, *, used_git: bool) -> None:
        """Take the snapshot after the run, if there is one from before.

        Args:
            used_git: The agent may have moved branch and last commit.
        """
        if self.before is None:
            return
        try:
            moved = await self._snapshots.now() != await self._snapshots.head(self.before)
            self.after = await self._snapshots.take(
                self._number, Moment.AFTER, is_moved_by_others=moved and not used_git
            )
        except GitError as error:
            self._note(error)

    async def changes(self) -> list[str]:
        """Summarize the changes of the run for the last line of its answer."""
        if self.before is None or self.after is None:
            is_copy = await asyncio.to_thread(has_git, self._repo.path)
            why = f" ({self._problem.rstrip('.')})" if is_copy and self._problem else ""
            return [f"no {'snapshot' if is_copy else 'git'}, so no /undo{why}"]
        try:
            files = await self._snapshots.files(self.before, self.after)
            opaque = await self._snapshots.opaque(self.before, self.after)
        except GitError as error:
            logger.info("run %d has no diff: %s", self._number, error)
            return []
        beyond = [f"changed beyond /undo: {listed(opaque)}"] if opaque else []
        return [*([summary(files), "/diff", "/undo"] if files else ["no files changed"]), *beyond]

    async def prune(self) -> None:
        """Delete the snapshots of old runs."""
        try:
            await self._snapshots.prune()
        except GitError as error:
            logger.info("cannot delete old snapshots of %s: %s", self._repo.name, error)

    def _note(self, error: GitError) -> None:
        self._problem = str(error)
        logger.info("run %d has no snapshot: %s", self._number, error)
