"""What runs changed: found for a chat, shown, and undone."""

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
        """Return a run that may be undone, and the repo in which it worked.

        Raises:
            UserError: There is none.
        """
        past = self._found(ctx, number)
        if past is None:
            raise UserError("There is no run in this chat that I could undo. /runs lists them.")
        return past, await _repo(ctx, past)

    async def undone(self, past: Past, repo: Repo) -> str:
        """Put the files back and return what there is to say.

        Raises:
            UserError: It cannot be; the text says why.
        """
        before, after, snapshots = _before(past), past.after, Snapshots(repo.path)
        if after is None:
            raise UserError(_cannot_be_told(past, before))
        has_commits = await snapshots.has_commits(before, after)
        paths = await snapshots.undo(before, after)
        said = f"Run {past.number} is undone: {listed(map(shown, paths))}."
        if not paths:
            said = f"There is nothing to undo of run {past.number}."
        return f"{said} Its commits stay: only files are put back." if has_commits else said

    def _found(self, ctx: Context, number: int | None) -> Past | None:
        if number is None:
            return self._history.last_begun(ctx.chat_id)
        past = self._history.run(number, ctx.chat_id)
        if past is None:
            raise UserError("There is no such run in this chat. /runs lists them.")
        return past


def _before(past: Past) -> str:
    if past.started_at is None and not past.is_over:
        raise UserError(f"Run {past.number} has not begun yet.")
    if past.before is None:
        raise UserError(f"Run {past.number} has no snapshots, so I cannot tell what it changed.")
    return past.before


def _heading(past: Past) -> str:
    if past.after is not None:
        return f"Run {past.number} in *{past.repo}*"
    if past.is_over:
        return f"*{past.repo}* since run {past.number} began"
    return f"Run {past.number} in *{past.repo}* so far"


def _cannot_be_told(past: Past, before: str) -> str:
    if not past.is_over:
        return f"Run {past.number} is not over. /stop it, or wait for its end."
    return (
        f"Run {past.number} did not come to its end, so its changes cannot be told from later "
        f"ones. /diff {past.number} shows both; on the machine, "
        f"git restore --source={before[:12]} -- <file> brings back a file as it was before."
    )


async def _repo(ctx: Context, past: Past) -> Repo:
    """Return the repo of a run, if the sender may still see it."""
    repo = await ctx.repo(past.repo)
    await asyncio.to_thread(repo.check_usable)
    if str(repo.path) != past.folder:
        raise UserError(f"*{past.repo}* was another folder when run {past.number} worked there.")
    return repo
