"""The conversations of a chat with its agents."""

from butler import Context, command
from butler_run.commands.base import RunCommandsBase


class ConversationCommands(RunCommandsBase):
    """The commands about conversations."""

    @command(needs_like="run")
    async def new(self, ctx: Context) -> str:
        """Start a new conversation with the next prompt.

        The agent keeps the old one on disk.
        """
        repo = await ctx.active_repo()
        choice = self._choice(ctx, repo)
        if self._history.chats.forget_conversation(ctx.chat_id, repo.name, choice.name):
            return f"The next prompt starts a new conversation with {choice.name} in *{repo.name}*."
        return f"There is no conversation with {choice.name} in *{repo.name}* yet."
