"""Shows and undoes the changes of runs."""

import asyncio

from butler import Context, Reply, Repo, UserError, fenced, listed
from butler_run.history.past import Past
from butler_run.history.runs import History
from butler_run.snapshots.changes import Diff, shown, summary
from butler_run.snapshots.restoration import Undone
from butler_run.snapshots.snapshots import SnapshotFolder, Snapshots
from butler_run.text.redaction import Redactor

SMALL_DIFF = 2_000
_FILES_SHOWN = 20


class Changes:
    """The changes of the runs in a history.

    Args:
        history: Where the runs are noted.
        secrets: Hides what must not be read in a chat.
        folder: Where the snapshots are kept.
    """

    def __init__(self, history: History, secrets: Redactor, folder: SnapshotFolder) -> None:
        self._history = history
        self._secrets = secrets
        self._folder = folder

    async def shown(self, ctx: Context, number: int | None) -> str | Reply:
        """Return the changes of a run so far; without a run, those of the working copy.

        If the diff is large, the summary is sent and the patch returned.

        Raises:
            UserError: There is no such run, or its changes are unknown.
        """
        past = await self._found(ctx, number)
        if past is None:
            repo = await ctx.active_repo()
            await asyncio.to_thread(repo.check_usable)
            diff = await self._folder.of(repo.path).uncommitted()
            return await self._told(ctx, diff, f"*{repo.name}* since its last commit", repo.name)
        repo = await _repo(ctx, past)
        diff = await self._folder.of(repo.path).diff(_before(past), past.after)
        return await self._told(ctx, diff, _heading(past), f"run-{past.number}")

    async def _told(self, ctx: Context, diff: Diff, heading: str, file_name: str) -> str | Reply:
        if diff.opaque:
            heading = f"{heading} (not shown: {listed(diff.opaque)})"
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
        past = await self._found(ctx, number)
        if past is None:
            repo = await ctx.active_repo()
            raise UserError(
                f"There is no run of this chat to undo in *{repo.name}*. /runs lists the runs."
            )
        return past, await _repo(ctx, past)

    async def undone(self, past: Past, repo: Repo) -> str:
        """Restore the files and return the reply.

        Raises:
            UserError: They cannot be restored; the text says why.
        """
        before, after, snapshots = _before(past), past.after, self._folder.of(repo.path)
        if after is None:
            by_hand = await snapshots.by_hand(before, "<file>")
            raise UserError(_cannot_be_told(past, by_hand))
        was, is_now = await snapshots.head(before), await snapshots.head(after)
        if is_now.is_moved_by_others:
            raise UserError(await _refused(past, snapshots, before, after))
        undone = await snapshots.undo(before, after)
        self._history.note_undone(past.number)
        said = _said(past, undone)
        has_commits = was.commit != is_now.commit
        return f"{said} Its commits stay: only files are restored." if has_commits else said

    async def _found(self, ctx: Context, number: int | None) -> Past | None:
        """Return the run of this number, else the last one here that is not undone."""
        if number is None:
            repo = await ctx.active_repo()
            return self._history.last_to_undo(ctx.chat_id, repo.name)
        past = self._history.run(number, ctx.chat_id)
        if past is None or not ctx.may_see(past.repo):
            raise UserError("There is no such run in this chat. /runs lists them.")
        return past


def _said(past: Past, undone: Undone) -> str:
    said = f"{_named(past)} has nothing to undo."
    if undone.paths:
        paths = listed(map(shown, undone.paths))
        said = f"{_named(past)} was undone: {paths}."
    if not undone.kept:
        return said
    return (
        f"{said} Left as they are, as snapshots do not hold git repositories within the "
        f"repository, large files and what is no file: {listed(undone.kept)}."
    )


async def _refused(past: Past, snapshots: Snapshots, before: str, after: str) -> str:
    files = listed(file.path for file in await snapshots.files(before, after))
    by_hand = await snapshots.by_hand(before, "<file>")
    return (
        f"Nothing was undone. While run {past.number} was at work in *{past.repo}*, somebody else "
        "committed or switched the branch, so its changes cannot be told apart from theirs: "
        f"{files}. On the machine, {by_hand} brings back a file as it was before."
    )


def _before(past: Past) -> str:
    if past.started_at is None and not past.is_over:
        raise UserError(f"{_named(past)} has not started yet.")
    if past.before is None and not past.is_over:
        raise UserError(f"{_named(past)} has no snapshot yet, so its changes are unknown for now.")
    if past.before is None:
        raise UserError(f"{_named(past)} has no snapshots, so its changes are unknown.")
    return past.before


def _heading(past: Past) -> str:
    if past.after is not None:
        return _named(past)
    if past.is_over:
        return f"*{past.repo}* since run {past.number} started"
    return f"{_named(past)} so far"


def _named(past: Past) -> str:
    return f"Run {past.number} in *{past.repo}*"


def _cannot_be_told(past: Past, by_hand: str) -> str:
    if not past.is_over:
        return f"{_named(past)} is still in progress. /stop it, or wait for its end."
    return (
        f"{_named(past)} did not finish, so its changes cannot be told apart from later "
        f"ones. /diff {past.number} shows both; on the machine, "
        f"{by_hand} brings back a file as it was before."
    )


async def _repo(ctx: Context, past: Past) -> Repo:
    """Return the repo of a run, if the sender may still see it."""
    repo = await ctx.repo(past.repo)
    await asyncio.to_thread(repo.check_usable)
    if str(repo.path) != past.folder:
        raise UserError(f"*{past.repo}* was a different folder during run {past.number}.")
    return repo
