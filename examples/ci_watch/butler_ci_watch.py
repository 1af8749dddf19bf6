"""Watches the checks of the last commit, and mentions the person who asked once they are done.

Enable it in ``config.toml``. The command is run in the repo's folder with the commit in place of
``{commit}``, and prints ``success``, ``failure`` or ``pending``, then what to show. For GitHub::

    [plugins]
    enabled = ["session", "run", "ci_watch"]

    [plugins.ci_watch]
    command = ["gh", "run", "list", "--commit", "{commit}", "--limit", "1",
               "--json", "conclusion,url", "--jq", '.[0] | "\\(.conclusion) \\(.url)"']
"""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from typing import Annotated

from pydantic import Field

from butler import Context, Plugin, Reply, Repo, Settings, UserError, command, duration, run_git

_ANSWER_LIMIT_S = 30.0
_MAX_SHOWN = 300
_OVER = {"success": "passed", "failure": "failed"}


class CiWatchSettings(Settings):
    """The options of ``[plugins.ci_watch]``.

    Attributes:
        command: What says how the checks of a commit are.
        every_s: How often it is asked.
        for_s: How long it is asked.
    """

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    every_s: Annotated[float, Field(ge=5)] = 30.0
    for_s: Annotated[float, Field(ge=60)] = 3_600.0


class CiWatchPlugin(Plugin[CiWatchSettings]):
    """Each chat watches one commit at a time."""

    settings_type = CiWatchSettings

    def __init__(self, settings: CiWatchSettings) -> None:
        super().__init__(settings)
        self._watching: dict[str, asyncio.Task[None]] = {}

    @command(needs_like="run")
    async def watch(self, ctx: Context) -> str:
        """Say when the checks of the active repo's last commit are done."""
        repo = await ctx.active_repo()
        commit = (await run_git(repo.path, "rev-parse", "--verify", "HEAD")).decode().strip()
        if earlier := self._watching.pop(ctx.chat_id, None):
            earlier.cancel()
        job = ctx.start(self._watch(ctx, repo, commit), f"watching {commit[:10]}")
        self._watching[ctx.chat_id] = job
        job.add_done_callback(lambda job: self._forget(ctx.chat_id, job))
        return f"Watching *{repo.name}* at {commit[:10]}. /unwatch ends it."

    @command(needs_like="run", overtakes=True)
    async def unwatch(self, ctx: Context) -> str:
        """Watch no longer."""
        if (job := self._watching.pop(ctx.chat_id, None)) is None:
            raise UserError("Nothing is watched here. /watch begins.")
        job.cancel()
        return "No longer watching."

    def _forget(self, chat_id: str, job: asyncio.Task[None]) -> None:
        if self._watching.get(chat_id) is job:
            del self._watching[chat_id]

    async def _watch(self, ctx: Context, repo: Repo, commit: str) -> None:
        said = f"*{repo.name}* at {commit[:10]}"
        try:
            async with asyncio.timeout(self.settings.for_s):
                result = await self._result(ctx, repo, commit)
        except TimeoutError:
            after = duration(self.settings.for_s)
            await ctx.reply(f"{said}: not done after {after}. /watch goes on.")
            return
        if not result:
            await ctx.reply(f"{said}: Butler ends, so it is no longer watched. /watch goes on.")
            return
        text = f"{said}: the checks {result}"
        await ctx.send(Reply(text, answers=ctx.message, mentions=(ctx.sender,)))

    async def _result(self, ctx: Context, repo: Repo, commit: str) -> str:
        """Wait for the checks and return how they ended; nothing if Butler ends before."""
        while not ctx.is_last_call.is_set():
            state, _, details = (await self._ask(repo, commit)).partition(" ")
            if state in _OVER:
                return f"{_OVER[state]}. {details[:_MAX_SHOWN]}".strip()
            with suppress(TimeoutError):
                await asyncio.wait_for(ctx.is_last_call.wait(), self.settings.every_s)
        return ""

    async def _ask(self, repo: Repo, commit: str) -> str:
        """Return what the command says; nothing if it fails, as it is asked again."""
        arguments = (each.replace("{commit}", commit) for each in self.settings.command)
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments, cwd=repo.path, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
            )
        except OSError:
            return ""
        try:
            async with asyncio.timeout(_ANSWER_LIMIT_S):
                output, _ = await process.communicate()
        except TimeoutError:
            return ""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return output.decode(errors="replace").strip() if process.returncode == 0 else ""
