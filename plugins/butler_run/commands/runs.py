"""/run, and what is done about runs: stop, repeat, list, show and undo them."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import Literal

from butler import At, Context, Reply, Role, UserError, ago, ask_process, command, duration, listed
from butler_run.commands.base import RunCommandsBase
from butler_run.history.elsewhere import RunElsewhere
from butler_run.history.past import Past, State
from butler_run.snapshots.working_copy import working_copy
from butler_run.text.plain import in_one_line

RUNS_SHOWN = 10
_PROMPT_LENGTH = 60
_NAME_LENGTH = 30


class RunCommands(RunCommandsBase):
    """The commands about runs."""

    @command(aliases=("exec", "do", "ask"), takes_files=True)
    async def run(self, ctx: Context, *, prompt: str) -> str | None:
        """Let the agent work in this chat's active repo.

        /run add a retry to the HTTP client continues the chat's conversation in that repo; /new
        starts a new one. /stop ends the run, /diff shows its changes, /undo reverts them.
        """
        return await self._start(ctx, prompt)

    @command(overtakes=True, at=At.RUN)
    async def stop(
        self, ctx: Context, run: int | Literal["all", "everywhere"] | None = None
    ) -> str:
        """Stop a run.

        /stop stops the active run of this chat, /stop 14 run 14, /stop all every run of this chat;
        for owners, /stop everywhere stops the runs of all chats.
        """
        if run == "everywhere" and ctx.role < Role.OWNER:
            raise UserError(
                "/stop everywhere is for owners only. /stop all stops the runs of this chat."
            )
        if isinstance(run, str):
            return await self._stop_all(ctx, None if run == "everywhere" else ctx.chat_id)
        if there := self._meant_elsewhere(ctx.chat_id, run):
            return await self._stop_elsewhere(there, ctx.chat_id)
        if not self._runs.can_stop(ctx.chat_id, run):
            left = self._history.elsewhere.left_behind(ctx.chat_id)
            if meant := left[:1] if run is None else [each for each in left if each == run]:
                return self._drop(meant)
            await ctx.caught_up()  # a /run that was overtaken may start it yet
        return await self._runs.stop(ctx.chat_id, run)

    def _meant_elsewhere(self, chat_id: str, number: int | None) -> RunElsewhere | None:
        """Return the run of another process that "stop" means: one at work before one that waits.

        None if it means one of this process.
        """
        is_meant_here = number is not None and self._runs.can_stop(chat_id, number)
        if is_meant_here or (number is None and self._runs.is_at_work_in(chat_id)):
            return None  # also where the history cannot be read
        live = self._history.elsewhere.live(chat_id)
        if number is not None:
            return next((each for each in live if each.number == number), None)
        if at_work := [each for each in live if each.is_at_work]:
            return at_work[-1]
        return None if self._runs.can_stop(chat_id, None) else next(iter(live), None)

    async def asked(self, text: str) -> str:
        """Stop a run for another process: its number, and its chat if the reply is for that one."""
        number, _, chat_id = text.partition(" ")
        if not number.isdecimal():
            raise UserError("Another Butler asked for what this one does not know.")
        return await self._runs.stop(chat_id or None, int(number))

    async def _stop_elsewhere(self, run: RunElsewhere, chat_id: str | None) -> str:
        text = f"{run.number} {chat_id or ''}"
        return await ask_process(self.data_folder, run.process_id, "run", text)

    def _drop(self, left_behind: Sequence[int]) -> str:
        for number in left_behind:
            self._history.end(number, State.STOPPED)
        runs = "Run" if len(left_behind) == 1 else "Runs"
        return f"{runs} {listed(map(str, left_behind))} will not start."

    async def _stop_all(self, ctx: Context, chat_id: str | None) -> str:
        elsewhere = self._history.elsewhere.live(chat_id)
        left = self._history.elsewhere.left_behind(chat_id)
        said = [self._drop(left)] if left else []
        stops = [self._stop_elsewhere(each, chat_id) for each in elsewhere]
        if self._runs.can_stop_any(chat_id) or not (elsewhere or left):
            stops.insert(0, self._runs.stop_all(chat_id))
        said += await asyncio.gather(*map(_said, stops))

        async def stop_overtaken() -> None:
            if await ctx.caught_up():
                await self._runs.stop_all(chat_id)

        ctx.start(stop_overtaken(), "stop all")
        return "\n".join(said)

    @command(needs_like="run", at=At.RUN)
    async def retry(self, ctx: Context, run: int | None = None) -> str | None:
        """Restart a run that did not finish.

        /retry restarts the latest one of this chat, /retry 14 restarts run 14.
        """
        if run is None:
            past = self._history.last_unfinished(ctx.chat_id)
        else:
            past = self._history.run(run, ctx.chat_id)
        if past is not None and not ctx.may_see(past.repo):
            past = None
        if past is not None and not past.is_over:
            raise UserError(
                f"Run {past.number} is still in progress. /stop it, or wait for its end."
            )
        request = self._history.request(past.number) if past else None
        if request is None:
            raise UserError("There is no such run to restart in this chat. /runs lists the runs.")
        repo = await ctx.repo(request.repo)
        is_own = request.message.author == ctx.message.author
        choose = self._choices.choose_for_run if is_own else self._choices.choose
        choice = choose(ctx, repo, request.agent)
        self._runs.parking.drop(ctx.chat_id, request.number)
        files = await asyncio.to_thread(self._files.attachments_of, request.number)
        return await self._runs.start(ctx, repo, request.prompt, choice, files=files)

    @command(needs=Role.VIEWER, at=At.EVERYWHERE)
    async def runs(self, ctx: Context) -> str:
        """List the runs of this chat: running, queued and recent ones."""
        last = self._history.last(ctx.chat_id, RUNS_SHOWN)
        runs = [run for run in last if ctx.may_see(run.repo)]
        if not runs:
            raise UserError("No runs in this chat yet. /run <prompt> starts one.")
        return "\n".join(self._line(run, time.time(), ctx.on_machine) for run in runs)

    def _line(self, run: Past, now: float, on_machine: str) -> str:
        request = self._history.request(run.number)
        called = in_one_line(self._history.called(run.person), _NAME_LENGTH)
        parts = [f"• {run.number} *{run.repo}*{on_machine} {run.state}", run.agent, called]
        if run.started_at is not None:
            parts.append(duration((run.ended_at or now) - run.started_at))
        parts.append(ago(now - run.queued_at))
        if run.cost_usd is not None:
            parts.append(f"${run.cost_usd:.2f}")
        asked = in_one_line(request.prompt, _PROMPT_LENGTH) if request else ""
        return ", ".join(parts) + (f": {asked}" if asked else "")

    @command(needs=Role.VIEWER, at=At.RUN_OR_REPO)
    async def diff(self, ctx: Context, run: int | None = None) -> str | Reply:
        """Show the changes of a run.

        /diff shows those of the latest run of this chat, /diff 14 those of run 14. Without any run,
        it shows the uncommitted changes of the active repo.
        """
        return await self._changes.shown(ctx, run)

    @command(needs_like="run", at=At.RUN_OR_REPO)
    async def undo(self, ctx: Context, run: int | None = None) -> str:
        """Restore the files to their state before a run.

        Files that were changed after the run are never overwritten.
        """
        past, repo = await self._changes.to_undo(ctx, run)
        with self._runs.at_rest(await asyncio.to_thread(working_copy, repo)):
            return await self._changes.undone(past, repo)


async def _said(stop: Awaitable[str]) -> str:
    """Return what a stop is answered with, also if it failed: the others are told, too."""
    try:
        return await stop
    except UserError as error:
        return str(error)
