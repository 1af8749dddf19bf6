"""Deploys the active repo once a second person approved it.

Enable it in ``config.toml``; each target is a command, run in the repo's folder::

    [plugins]
    enabled = ["session", "run", "deploy"]

    [plugins.deploy.targets]
    staging = ["make", "deploy-staging"]
"""

import asyncio
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from butler import (
    Context,
    Person,
    Plugin,
    Repo,
    Seconds,
    Settings,
    UserError,
    command,
    duration,
    fenced,
    listed,
    run_git,
)

_SHOWN_CHARACTERS = 1_500


class DeploySettings(Settings):
    """The options of ``[plugins.deploy]``.

    Attributes:
        targets: The command of each target.
        approve_within: For how long a deployment waits for its approval.
        time_limit: After this the command is killed.
    """

    targets: Mapping[str, tuple[str, ...]] = Field(min_length=1)
    approve_within: Seconds = 15 * 60.0
    time_limit: Seconds = 10 * 60.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment that waits for its approval.

    Attributes:
        commit: What is deployed; where the repo has moved on, it is not.
    """

    repo: Repo
    commit: str
    target: str
    requester: Person
    chat_id: str
    asked_at: float


class DeployPlugin(Plugin[DeploySettings]):
    """What waits is in memory: a restart forgets it, and nothing is deployed."""

    settings_type = DeploySettings

    def __init__(self, settings: DeploySettings) -> None:
        super().__init__(settings)
        self._waiting: dict[int, Deployment] = {}
        self._last_number = 0
        self._one_at_a_time = asyncio.Lock()

    @command(needs_like="run")
    async def deploy(self, ctx: Context, target: str) -> str:
        """Deploy the last commit of the active repo, once somebody else approved it."""
        if target not in self.settings.targets:
            raise UserError(f"No target called {target}. Known: {listed(self.settings.targets)}.")
        repo = await ctx.active_repo()
        commit = await _last_commit(repo)
        self._last_number += 1
        self._waiting[self._last_number] = Deployment(
            repo, commit, target, ctx.sender, ctx.chat_id, time.time()
        )
        return (
            f"Deploy *{repo.name}* at {commit[:10]} to {target}? "
            f"Somebody else approves it by /approve {self._last_number}."
        )

    @command(needs_like="run")
    async def approve(self, ctx: Context, number: int) -> str:
        """Approve a deployment that somebody else asked for in this chat."""
        asked = self._approvable(ctx, number)
        if await _last_commit(asked.repo) != asked.commit:
            del self._waiting[number]
            raise UserError(
                f"*{asked.repo.name}* has another commit by now, so nothing was deployed. "
                f"/deploy {asked.target} asks for that one."
            )
        # Another approval may have come while git was asked.
        if self._waiting.pop(number, None) is None:
            raise UserError(f"Deployment {number} was approved already.")
        ctx.repo_name, ctx.detail = asked.repo.name, f"{asked.target} at {asked.commit[:10]}"
        ctx.start(self._deploy(ctx, asked), f"deployment {number}")
        return f"Deploying *{asked.repo.name}* to {asked.target}."

    def _approvable(self, ctx: Context, number: int) -> Deployment:
        asked = self._waiting.get(number)
        if asked is None or asked.chat_id != ctx.chat_id or not ctx.may_see(asked.repo.name):
            raise UserError(f"No deployment {number} waits here. /deploy <target> asks for one.")
        if asked.requester == ctx.sender:
            raise UserError("You asked for it, so somebody else has to approve it.")
        limit = self.settings.approve_within
        if limit is not None and time.time() - asked.asked_at > limit:
            del self._waiting[number]
            raise UserError(
                f"Deployment {number} waited for more than {duration(limit)}, so it was dropped. "
                f"/deploy {asked.target} asks again."
            )
        return asked

    async def _deploy(self, ctx: Context, asked: Deployment) -> None:
        async with self._one_at_a_time:
            began = time.monotonic()
            status, output = await self._run(asked)
        said = f"*{asked.repo.name}* to {asked.target}"
        took = duration(time.monotonic() - began)
        tail = f"\n{fenced(output[-_SHOWN_CHARACTERS:])}" if output else ""
        if status == 0:
            await ctx.reply(f"Deployed {said} in {took}.{tail}")
        else:
            await ctx.reply(f"The deployment of {said} failed ({status}) after {took}.{tail}")

    async def _run(self, asked: Deployment) -> tuple[int | str, str]:
        """Return the exit status, or what went wrong, and what the command wrote."""
        program, *arguments = self.settings.targets[asked.target]
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                *arguments,
                cwd=asked.repo.path,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return f"{program}: {error.strerror}", ""
        try:
            async with asyncio.timeout(self.settings.time_limit):
                output, _ = await process.communicate()
        except TimeoutError:
            return "it took too long", ""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, output.decode(errors="replace").strip()


async def _last_commit(repo: Repo) -> str:
    return (await run_git(repo.path, "rev-parse", "--verify", "HEAD")).decode().strip()
