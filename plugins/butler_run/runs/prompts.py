"""Which messages are prompts, and what of them the agent gets."""

from collections.abc import Sequence

from butler import Context, ForeignCall, UserError
from butler_run.agents import AgentCommand
from butler_run.history.runs import History
from butler_run.permissions.answer import may_run
from butler_run.runs.choices import Choices
from butler_run.text.plain import in_one_line

_SUMMARY_LENGTH = 80


class Prompts:
    """Tells prompts from other messages.

    A slash command that is not Butler's own passes to the agent where the agent announced it;
    with its slash doubled, it always does.
    """

    def __init__(self, choices: Choices, history: History) -> None:
        self._choices = choices
        self._chats = history.chats
        self._pending_files = history.pending_files
        self._announced = history.slash_commands

    def is_prompt(self, ctx: Context) -> bool:
        """Return whether plain text in this chat, or this message, is meant for the agent."""
        return self._is_meant(ctx) and may_run(ctx)

    def takes_command(self, ctx: Context) -> bool:
        """Return whether an unknown command may be one of the agent's; ``text`` knows for sure."""
        call = ctx.foreign_call
        return call is not None and self._announced.is_any(call.word) and self.is_prompt(ctx)

    def hint(self, ctx: Context) -> str:
        """Return a sentence on an unknown command where the agent may have it."""
        call = ctx.foreign_call
        if call is None or not may_run(ctx):
            return ""
        if not self._is_meant(ctx) and not self._announced.is_any(call.word):
            return ""
        return f"There is no /{call.word}. //{call.word} passes it to the agent."

    async def text(self, ctx: Context) -> str:
        """Return what the agent gets of a message that is a prompt.

        Raises:
            UserError: It is a command that neither Butler nor the agent has.
        """
        call = ctx.foreign_call
        if call is None:
            return ctx.message.text.strip()
        repo = await ctx.active_repo()
        agent = self._choices.choose(ctx, repo).name
        announced = _named(call.word, self._announced.of(repo.name, agent) or ())
        if announced is None and not call.is_escaped:
            raise UserError(
                f"{agent} has no /{call.word} in *{repo.name}*, and neither have I. "
                f"//{call.word} passes it on anyway, /help agent lists what there is."
            )
        return _written(call, announced)

    async def help(self, ctx: Context) -> str:
        """Return the commands of this chat's agent, one a line; nothing without an active repo."""
        try:
            repo = await ctx.active_repo()
        except UserError:  # none, or on a machine that is away
            return ""
        agent = self._choices.choose(ctx, repo).name
        commands = self._announced.of(repo.name, agent)
        if commands is None:
            return f"The commands of {agent} are listed here after its first run in *{repo.name}*."
        if not commands:
            return f"{agent} has no commands of its own in *{repo.name}*."
        lines = [_line(ctx, each) for each in sorted(commands, key=lambda each: each.name)]
        return "\n".join([f"Commands of {agent} in *{repo.name}*:", *lines])

    def _is_meant(self, ctx: Context) -> bool:
        message = ctx.message
        is_escaped = (call := ctx.foreign_call) is not None and call.is_escaped
        quoted_run = self._chats.run_of(ctx.chat_id, message.quoted_id)
        is_listening = self._chats.is_listening(ctx.chat_id)
        is_meant = is_escaped or quoted_run is not None or message.is_to_bot or is_listening
        return is_meant or self._pending_files.are_meant_by(message)


def _named(word: str, commands: Sequence[AgentCommand]) -> AgentCommand | None:
    exact = (each for each in commands if each.name == word)
    return next(exact, None) or next(
        (each for each in commands if each.name.lower() == word.lower()), None
    )


def _written(call: ForeignCall, announced: AgentCommand | None) -> str:
    name = announced.name if announced else call.word
    return f"/{name} {call.argument}".strip()


def _line(ctx: Context, command: AgentCommand) -> str:
    said = in_one_line(command.summary, _SUMMARY_LENGTH)
    slash = "//" if ctx.is_command(command.name) else "/"
    return f"{slash}{command.name}" + (f" – {said}" if said else "")
