"""What a chat chooses: its agent, and whether plain text is a prompt."""

import asyncio
from typing import Literal

from butler import At, Context, Role, command
from butler_run.commands.base import RunCommandsBase


class ChoiceCommands(RunCommandsBase):
    """The commands with which a chat chooses."""

    @command(needs_like="run")
    async def agent(self, ctx: Context, name: str | None = None) -> str:
        """Show or choose the agent of this chat.

        Where plain text is a prompt, the agent's own commands work like mine, /compact among them
        if it has that. //compact passes it to the agent everywhere, and whatever it has.
        """
        if name is None:
            repo = await ctx.active_repo()
            used = self._choice(ctx, repo).name
            known = ", ".join(self._catalog.names_in(repo))
            return f"This chat uses *{used}* in *{repo.name}*. Available: {known}."
        name = self._catalog.spelled(name.removeprefix("@"))
        if await ctx.active_repo_name() is not None:
            self._catalog.check_in(await ctx.active_repo(), name)
        self._history.chats.choose_agent(ctx.chat_id, name)
        problem = await asyncio.to_thread(self._catalog.problem, name)
        return " ".join(each for each in (f"This chat now uses *{name}*.", problem) if each)

    @command(needs_like="run", at=At.HUB)
    async def chat(self, ctx: Context, state: Literal["on", "off"] | None = None) -> str:
        """Treat plain text as a prompt in this chat, or stop doing so.

        When off, prompts are /run, replies to messages of a run, and messages that mention me.
        """
        if state is None:
            if self._history.chats.is_listening(ctx.chat_id):
                return "Plain text is treated as a prompt here. /chat off changes that."
            return "Plain text is not treated as a prompt here. /chat on changes that."
        self._history.chats.set_listening(ctx.chat_id, is_listening=state == "on")
        if state == "on":
            return "Plain text is now treated as a prompt here. /chat off undoes that."
        return "Plain text is no longer treated as a prompt here."

    @command(needs_like="run")
    async def park(self, ctx: Context, state: Literal["on", "off"] | None = None) -> str:
        """Let runs that a usage limit ended go on by themselves after its reset, or not.

        A run goes on once, in the same conversation, two minutes after the reset that the agent
        reported. /stop drops it.
        """
        parking = self._runs.parking
        if state is not None:
            parking.choose(ctx.chat_id, is_on=state == "on")
        if parking.is_on(ctx.chat_id):
            return (
                "After a usage limit, runs of this chat go on by themselves. /park off ends that."
            )
        return "After a usage limit, runs of this chat wait for /retry. /park on lets them go on."

    @command(needs=Role.OWNER)
    async def lift(self, ctx: Context) -> str:
        """Let the next run of this chat exceed the daily budget."""
        self._history.chats.lift(ctx.chat_id, is_lifted=True)
        return "The next run here may exceed the budget."
