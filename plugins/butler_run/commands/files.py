"""/file: a file of the repo, sent to the chat."""

import asyncio
import re
from pathlib import Path

from butler import Context, Reply, Role, UserError, command
from butler_run.commands.base import RunCommandsBase
from butler_run.files.asked import asked_file, held_file

_INSISTS = re.compile(r"\W{0,9}file!", re.IGNORECASE)


class FileCommands(RunCommandsBase):
    """The command about files."""

    @command(needs_like="run")
    async def file(self, ctx: Context, *, path: str) -> Reply:
        """Send a file of the active repo.

        /file docs/plan.md sends it, pictures as pictures. What looks like a key is held back;
        /file! sends it to an owner, in private only.
        """
        insists = _INSISTS.match(ctx.message.text) is not None
        if insists and not _is_owner_alone(ctx):
            raise UserError("/file! is for owners, in a chat with me alone.")
        repo = await ctx.active_repo()
        if insists and (held := await self._held(ctx, path)) is not None:
            return _brought(ctx, held)
        target = self._files.of_name(f"asked-{ctx.message.trace}")
        asked = await asyncio.to_thread(
            asked_file, repo.path, path, target, self._secrets, may_be_key=insists
        )
        return _brought(ctx, asked)

    async def _held(self, ctx: Context, path: str) -> Path | None:
        """Return what the latest run that held a file of this name back has kept of it."""
        for run in self._history.latest(50):
            found = await asyncio.to_thread(held_file, path, self._files.of(run.number))
            if found is not None and ctx.may_see(run.repo):
                return found
        return None


def _is_owner_alone(ctx: Context) -> bool:
    return ctx.role >= Role.OWNER and ctx.chat_names.is_private


def _brought(ctx: Context, path: Path) -> Reply:
    return Reply("", answers=ctx.message, attachment=path, file_name=path.name)
