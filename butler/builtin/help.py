"""/help: lists the commands from the docstrings of their handlers."""

from butler.access.rules import Role
from butler.core.commands import Command
from butler.core.context import Context
from butler.core.handlers import command
from butler.core.place import At
from butler.core.plugin import Plugin


class HelpPlugin(Plugin):
    """Lists the commands and explains each."""

    @command(aliases=("commands", "start"), needs=Role.VIEWER, at=At.TOPIC)
    async def help(self, ctx: Context, command: str | None = None) -> str:
        """List the commands, or explain one.

        /help use explains /use.
        """
        if command is not None:
            return await _page(ctx, ctx.command(command))
        lines = [f"{each.usage} – {_fragment(each.summary)}" for each in ctx.commands]
        return "\n".join([*lines, "", "/help <command> explains one."])


def _fragment(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


async def _page(ctx: Context, command: Command) -> str:
    lines = [f"*{command.usage}*", command.help]
    if command.aliases:
        lines += ["", "Also: " + ", ".join(f"/{alias}" for alias in command.aliases)]
    more = await command.more_help(ctx, command.name) if command.more_help else ""
    return "\n".join([*lines, *(["", more] if more else [])])
