"""Shows and undoes the changes of runs."""

import asyncio

from butler import Context, Reply, Repo, UserError, fenced, listed
from butler_run.history.runs import History, Past
from butler_run.snapshots.shadow_repository import shown
from butler_run.snapshots.snapshots import Diff, Snapshots, summary
from butler_run.text.redaction import Redactor

SMALL_DIFF = 2_000
_FILES_SHOWN = 20


class Changes:
    """The changes of the runs in a history.

    Args:
        history: Where the runs are noted.
        secrets: Hides what must not be read in a chat.
    """

    def __init__(self, history: History, secrets: Redactor) -> None:
        self._history = history
        self._secrets = secrets

    async def shown(self, ctx: Context, number: int | None) -> str | Reply:
        """Return the changes of a run so far; without a run, those of the working copy.

        If the diff is large, the summary is sent and the patch returned.

        Raises:
            UserError: There is no such run, or its changes are unknown.
        """
        past = self._found(ctx, number)
        if past is None:
            repo = await ctx.active_repo()
            await asyncio.to_thread(repo.check_usable)
            diff = await Snapshots(repo.path).uncommitted()
            return await self._told(ctx, diff, f"*{repo.name}* since its last commit", repo.name)
        repo = await _repo(ctx, past)
        diff = await Snapshots(repo.path).diff(_before(past), past.after)
        return await self._told(ctx, diff, _heading(past), f"run-{past.number}")

    async def _told(self, ctx: Context, diff: Diff, heading: str, file_name: str) -> str | Reply:
        if not diff.files:
            return f"{heading}: no files changed."
        text = await asyncio.to_thread(self._secrets.redacted, diff.text)
        if len(text) <= SMALL_DIFF:
            return f"{heading}: {summary(diff.files)}\n{fenced(text)}"
        entries = (f"• {file.path}" for file in diff.files)
        files = listed(entries, _FILES_SHOWN, joint="\n", last_joint="\n• ")
        await ctx.reply(f"{heading}: {summary(diff.files)}\n{files}")
        return Reply(text, answers=ctx.message, file_name=f"{file_name}.patch")

    async def to_undo(self, ctx: Context, number: int | None) -> tuple[Past, Repo]:
        """Return a run that may be undone, and its repo.

        Raises:
            UserError: There is none.
        """
        past = self._found(ctx, number)
        if past is None:
            raise UserError("There is no run to undo in this chat. /runs lists the runs.")
        return past, await _repo(ctx, past)

    async def undone(self, past: Past, repo: Repo) -> str:
        """Restore the files and return the reply.

        Raises:
            UserError: They cannot be restored; the text says why.
        """
        before, after, snapshots = _before(past), past.after, Snapshots(repo.path)
        if after is None:
            raise UserError(_cannot_be_told(past, before))
        has_commits = await snapshots.has_commits(before, after)
        paths = await snapshots.undo(before, after)
        said = f"Run {past.number} was undone: {listed(map(shown, paths))}."
        if not paths:
            said = f"Run {past.number} has nothing to undo."
        return f"{said} Its commits stay: only files are restored." if has_commits else said

    def _found(self, ctx: Context, number: int | None) -> Past | None:
        if number is None:
            past = self._history.last_begun(ctx.chat_id)
            return past if past is not None and ctx.may_see(past.repo) else None
        past = self._history.run(number, ctx.chat_id)
        if past is None or not ctx.may_see(past.repo):
            raise UserError("There is no such run in this chat. /runs lists them.")
        return past


def _before(past: Past) -> str:
    if past.started_at is None and not past.is_over:
        raise UserError(f"Run {past.number} has not started yet.")
    if past.before is None:
        raise UserError(f"Run {past.number} has no snapshots, so its changes are unknown.")
    return past.before


def _heading(past: Past) -> str:
    if past.after is not None:
        return f"Run {past.number} in *{past.repo}*"
    if past.is_over:
        return f"*{past.repo}* since run {past.number} started"
    return f"Run {past.number} in *{past.repo}* so far"


def _cannot_be_told(past: Past, before: str) -> str:
    if not past.is_over:
        return f"Run {past.number} is still in progress. /stop it, or wait for its end."
    return (
        f"Run {past.number} did not finish, so its changes cannot be told apart from later "
        f"ones. /diff {past.number} shows both; on the machine, "
        f"git restore --source={before[:12]} -- <file> brings back a file as it was before."
    )


async def _repo(ctx: Context, past: Past) -> Repo:
    """Return the repo of a run, if the sender may still see it."""
    repo = await ctx.repo(past.repo)
    await asyncio.to_thread(repo.check_usable)
    if str(repo.path) != past.folder:
        raise UserError(f"*{past.repo}* was a different folder during run {past.number}.")
    return repo
