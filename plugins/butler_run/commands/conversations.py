"""The conversations of a chat with its agents, also those begun in a terminal."""

import time
from datetime import datetime

from butler import Context, UserError, ago, command, fenced
from butler_run.agents import Past
from butler_run.choice import Choice
from butler_run.commands.base import RunCommandsBase
from butler_run.runs.resuming import how_to_resume
from butler_run.text.plain import in_one_line

MOST_LISTED = 9
_TITLE_LENGTH = 60


class ConversationCommands(RunCommandsBase):
    """The commands about conversations."""

    @command(needs_like="run")
    async def new(self, ctx: Context) -> str:
        """Start a new conversation with the next prompt.

        The agent keeps the old one on disk.
        """
        repo = await ctx.active_repo()
        choice = self._choices.choose(ctx, repo)
        if self._history.chats.forget_conversation(ctx.chat_id, repo.name, choice.name):
            return f"The next prompt starts a new conversation with {choice.name} in *{repo.name}*."
        return f"There is no conversation with {choice.name} in *{repo.name}* yet."

    @command(needs_like="run")
    async def context(self, ctx: Context) -> str:
        """Show how long this chat's conversation is, and what it and today's runs cost."""
        repo = await ctx.active_repo()
        choice = self._choices.choose(ctx, repo)
        conversation_id = self._conversation(ctx, repo.name, choice)
        known = self._history.contexts.of(conversation_id) if conversation_id else None
        lines = [f"Conversation with {choice.name} in *{repo.name}*:"]
        if known is None:
            lines.append("• nothing yet; the next prompt begins one")
        else:
            lines.append(f"• {_tokens(known.tokens, known.size)}")
            lines.append(f"• {_runs(known.runs)}, ${known.cost_usd:.2f}")
        midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        runs, tokens, cost = self._history.usage.of(ctx.chat_id, midnight.timestamp())
        lines.append(f"Today in this chat: {_runs(runs)}, {tokens:,} tokens, ${cost:.2f}.")
        shorter = (
            "/compact shortens the conversation" if self._has_compact(repo.name, choice) else ""
        )
        return "\n".join(
            [*lines, ", ".join(each for each in (shorter, "/new starts another.") if each)]
        )

    @command(needs_like="run")
    async def resume(self, ctx: Context) -> str:
        """Show what to type in a terminal to go on with this chat's conversation."""
        repo = await ctx.active_repo()
        choice = self._choices.choose(ctx, repo)
        conversation_id = self._conversation(ctx, repo.name, choice)
        if conversation_id is None:
            raise UserError(
                f"There is no conversation with {choice.name} in *{repo.name}* yet. "
                "/run <prompt> begins one."
            )
        return _told(repo.name, choice, conversation_id)

    @command("continue", needs_like="run")
    async def continue_(self, ctx: Context, number: int | None = None) -> str:
        """Go on here with a conversation that was begun in a terminal.

        /continue lists the newest ones of the repo's folder, but those of other chats; /continue 2
        takes the second.
        """
        repo = await ctx.active_repo()
        choice = self._choices.choose(ctx, repo)
        key = (ctx.chat_id, repo.name, choice.name)
        listed = self._listed.get(key)
        if number is None or listed is None:
            listed = self._listed[key] = await self._conversations(ctx, repo.name, choice)
        if number is None:
            lines = [self._listed_as(n, each) for n, each in enumerate(listed, start=1)]
            head = f"Conversations of {choice.name} in the folder of *{repo.name}*:"
            return "\n".join([head, *lines, "/continue <number> goes on with one here."])
        if not 1 <= number <= len(listed):
            raise UserError(f"There is no conversation {number}. /continue lists them.")
        past = listed[number - 1]
        self._history.chats.keep_conversation(*key, past.id)
        self._history.forks.set(*key, past.id if past.may_be_alive else None)
        in_a_copy = (
            " It may still be open elsewhere, so I go on in a copy of it."
            if past.may_be_alive
            else ""
        )
        return f"The next prompt goes on with “{self._titled(past)}” in *{repo.name}*.{in_a_copy}"

    async def _conversations(self, ctx: Context, repo_name: str, choice: Choice) -> list[Past]:
        repo = await ctx.repo(repo_name)
        found = (await self._offers.of(repo, choice, is_fresh=True)).conversations
        if found is None:
            raise UserError(f"{choice.name} does not list its conversations.")
        own = self._conversation(ctx, repo_name, choice)
        left_out = {own, *self._history.conversations_of_others(ctx.chat_id)}
        others = [each for each in found if each.id not in left_out][:MOST_LISTED]
        if not others:
            raise UserError(
                f"{choice.name} has no other conversations in the folder of *{repo_name}*."
            )
        return others

    def _conversation(self, ctx: Context, repo_name: str, choice: Choice) -> str | None:
        return self._history.chats.conversation(ctx.chat_id, repo_name, choice.name) or None

    def _has_compact(self, repo_name: str, choice: Choice) -> bool:
        announced = self._history.slash_commands.of(repo_name, choice.name) or ()
        return any(each.name == "compact" for each in announced)

    def _listed_as(self, number: int, past: Past) -> str:
        changed = "" if past.changed_at is None else f", {ago(time.time() - past.changed_at)}"
        alive = ", may still be open" if past.may_be_alive else ""
        return f"{number}. {self._titled(past)}{changed}{alive}"

    def _titled(self, past: Past) -> str:
        title = self._secrets.redacted(past.title)
        return in_one_line(title, _TITLE_LENGTH) or "without a title"


def _told(repo_name: str, choice: Choice, conversation_id: str) -> str:
    line = how_to_resume(choice, conversation_id)
    if not line:
        return (
            f"How {choice.name} goes on with a conversation in a terminal is not known to me. "
            f"The id of this one: {in_one_line(conversation_id, 200)}"
        )
    apart = ""
    if choice.keeps_apart:
        apart = (
            f"\nIn its sandbox {choice.name} keeps its conversations apart from yours, so that "
            'finds it only where [repos] or [plugins.run] says sandbox = "off".'
        )
    return f"In the folder of *{repo_name}*, type:\n{fenced(line)}{apart}"


def _tokens(tokens: int | None, size: int | None) -> str:
    if tokens is None:
        return "its length is not known"
    if not size:
        return f"{tokens:,} tokens"
    return f"{tokens:,} of {size:,} tokens ({round(100 * tokens / size)} %)"


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"
