"""What runs changed: found for a chat, shown, and undone."""

import asyncio

from butler import Context, Reply, Repo, UserError
from butler_run.history import History, Past
from butler_run.markup import Redactor
from butler_run.snapshot import Diff, Snapshots, summary

SMALL_DIFF = 2_000
_FILES_SHOWN = 20


class Changes:
    """The changes of the runs in a history."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def shown(self, ctx: Context, number: int | None) -> str | Reply:
        """Return what a run changed, or has changed so far; without one, the working copy.

        Of a large diff the summary is sent and the patch returned.

        Raises:
            UserError: There is no such run, or no telling what it changed.
        """
        past = self._found(ctx, number)
        if past is None:
            repo = await ctx.active_repo()
            await asyncio.to_thread(repo.check_usable)
            diff = await Snapshots(repo.path).uncommitted()
            return await _shown(ctx, diff, f"*{repo.name}* since its last commit", repo.name)
        before, after = _snapshots_of(past)
        diff = await Snapshots((await _repo(ctx, past)).path).diff(before, after)
        heading = f"Run {past.number}" + ("" if after else " so far")
        return await _shown(ctx, diff, heading, f"run-{past.number}")

    async def to_undo(self, ctx: Context, number: int | None) -> tuple[Past, Repo]:
        """Return a run that may be undone, and the repo in which it worked.

        Raises:
            UserError: There is none.
        """
        past = self._found(ctx, number)
        if past is None:
            raise UserError("There was no run in this chat. /runs lists them.")
        return past, await _repo(ctx, past)

    async def undone(self, past: Past, repo: Repo) -> str:
        """Put the files back and return what there is to say.

        Raises:
            UserError: It cannot be; the text says why.
        """
        before, after = _snapshots_of(past)
        if after is None:
            raise UserError(f"Run {past.number} is not over. /stop it, or wait for its end.")
        paths = await Snapshots(repo.path).undo(before, after)
        if not paths:
            return f"There is nothing to undo of run {past.number}."
        return f"Run {past.number} is undone: {_names(paths)}."

    def _found(self, ctx: Context, number: int | None) -> Past | None:
        if number is None:
            return self._history.last_with_changes(ctx.chat_id)
        past = self._history.run(number, ctx.chat_id)
        if past is None:
            raise UserError("There is no such run in this chat. /runs lists them.")
        return past


async def _shown(ctx: Context, diff: Diff, heading: str, file_name: str) -> str | Reply:
    if not diff.files:
        return f"{heading}: no files changed."
    text = await asyncio.to_thread(Redactor().redacted, diff.text)
    if len(text) <= SMALL_DIFF:
        fenced = text.replace("```", "'''")
        return f"{heading}: {summary(diff)}\n```\n{fenced}```"
    files = "\n".join(f"• {file.path}" for file in diff.files[:_FILES_SHOWN])
    await ctx.reply(f"{heading}: {summary(diff)}\n{files}")
    return Reply(text, answers=ctx.message, file_name=f"{file_name}.patch")


def _snapshots_of(past: Past) -> tuple[str, str | None]:
    if past.before is None or (past.after is None and past.is_over):
        raise UserError(f"Run {past.number} has no snapshots, so I cannot tell what it changed.")
    return past.before, past.after


async def _repo(ctx: Context, past: Past) -> Repo:
    """Return the repo of a run, if the sender may still see its repo."""
    repo = await ctx.repo(past.repo)
    await asyncio.to_thread(repo.check_usable)
    if str(repo.path) != past.folder:
        raise UserError(f"*{past.repo}* was another folder when run {past.number} worked there.")
    return repo


def _names(paths: tuple[str, ...]) -> str:
    shown = ", ".join(paths[:10])
    return f"{shown} and {len(paths) - 10} more" if len(paths) > 10 else shown
