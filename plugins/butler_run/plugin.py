"""The run plugin: its life, and plain text in its chats."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from butler import (
    PASS,
    Context,
    Finding,
    Message,
    Pass,
    Repo,
    Send,
    UserError,
    listener,
    said,
)
from butler_run.agents import PRESETS
from butler_run.catalog import Catalog
from butler_run.commands.choices import ChoiceCommands
from butler_run.commands.conversations import ConversationCommands
from butler_run.commands.files import FileCommands
from butler_run.commands.grants import GrantCommands
from butler_run.commands.modes import ModeCommands
from butler_run.commands.observed import ObservedRuns
from butler_run.commands.runs import RUNS_SHOWN, RunCommands
from butler_run.files.run_files import RunFiles
from butler_run.history.past import State
from butler_run.history.pending_files import is_private
from butler_run.history.runs import FILE_NAME, History, history_finding
from butler_run.inquiries.answers import replied
from butler_run.permissions.answer import answered, may_run
from butler_run.permissions.questions import Questions
from butler_run.permissions.standing import StandingGrants
from butler_run.runs.choices import Choices
from butler_run.runs.copy_locks import FOLDER_NAME as COPIES
from butler_run.runs.copy_locks import CopyLocks
from butler_run.runs.offers import Offers
from butler_run.runs.prompts import Prompts
from butler_run.runs.restart import Restart
from butler_run.runs.scheduler import Scheduler
from butler_run.sandbox.enclosures import Enclosures, Surroundings
from butler_run.sandbox.findings import hidden_findings, sandbox_findings
from butler_run.settings import RepoRunSettings, RunSettings
from butler_run.snapshots.snapshots import SnapshotFolder
from butler_run.snapshots.undo import Changes
from butler_run.text.redaction import Redactor

logger = logging.getLogger(__name__)

RUNS_FOLDER = "runs"

_ASKED_ABOUT = frozenset({"picture", "document", "video", "audio file"})
"""The files that are worth a question when they come without words."""


class RunPlugin(
    FileCommands,
    GrantCommands,
    ModeCommands,
    ChoiceCommands,
    ConversationCommands,
    RunCommands,
    ObservedRuns,
):
    """Runs coding agents in the chats' active repos."""

    settings_type = RunSettings
    repo_settings_type = RepoRunSettings

    def __init__(self, settings: RunSettings) -> None:
        super().__init__(settings)
        self._catalog = Catalog(settings)

    @classmethod
    def choices(cls) -> list[str]:
        """Return the known agents that are installed."""
        return [name for name, preset in PRESETS.items() if shutil.which(preset.command[0])]

    async def __aenter__(self) -> Self:
        self._history = History(self.data_folder / FILE_NAME, self.keep_s)
        self._standing = StandingGrants(self.data_folder)
        self._questions = Questions(self._standing)
        secrets = self._secrets = Redactor(self._catalog.secrets)
        self._files = RunFiles(self.data_folder / RUNS_FOLDER)
        folder = SnapshotFolder(self.data_folder / "snapshots", self.settings.max_snapshot_mb)
        surroundings = Surroundings(self.data_folder, self.config_path, self.known_repos)
        self._choices = Choices(self._catalog, self._history)
        enclosures = Enclosures(surroundings)
        self._offers = Offers(enclosures)
        self._runs = Scheduler(
            *(self.settings, self._history, self._questions, secrets),
            *(enclosures, folder),
            CopyLocks(self.data_folder / COPIES, self.process_name),
            self._choices,
            self._files,
            self.meter,
        )
        self._listed = {}
        self._prompts = Prompts(self._choices, self._history)
        self._changes = Changes(self._history, secrets, folder)
        self._restart = Restart(
            *(self._history, self._runs, self._choices),
            machine=self.machine,
            is_restored=self.is_restored,
        )
        self._noting = asyncio.create_task(self._history.keep_noting(), name="run notes")
        return self

    async def __aexit__(self, *error: object) -> None:
        self._noting.cancel()
        await asyncio.gather(self._noting, return_exceptions=True)
        self._standing.close()
        self._history.close()

    def reload(self, settings: RunSettings) -> list[str]:
        """Take new agents, budgets and limits; runs that have begun go on as they began."""
        old, self.settings = self.settings, settings
        self._catalog.follow(settings)
        self._runs.follow(settings)
        self._secrets.follow(self._catalog.secrets)
        return ["max_snapshot_mb"] if old.max_snapshot_mb != settings.max_snapshot_mb else []

    def at_work(self) -> int:
        """Return how many runs are active."""
        return self._runs.at_work

    def findings(self, repos: Sequence[Repo]) -> list[Finding]:
        """Check the agents, their sandbox and the run history."""
        enclosures = Enclosures(Surroundings(self.data_folder, self.config_path, self.known_repos))
        return [
            *self._catalog.findings(repos),
            *sandbox_findings(enclosures, self._catalog.boundaries(repos)),
            *hidden_findings(enclosures, self._catalog.installed(repos)),
            history_finding(self.data_folder / FILE_NAME),
        ]

    def greeting(self, repos: Sequence[Repo]) -> str:
        """Say what /run does, or still needs."""
        return self._catalog.greeting(repos)

    def trials(self, repos: Sequence[Repo]) -> list[Finding]:
        """Ask the agents for their versions."""
        return self._catalog.versions(repos)

    def suggestions(self, command: str, parameter: str, chat_id: str) -> list[str]:
        """Offer the agents, and the runs of the chat, newest first."""
        if (command, parameter) == ("agent", "name"):
            return list(self._catalog.names)
        if parameter == "run":
            return [str(each.number) for each in self._history.last(chat_id, RUNS_SHOWN)]
        return []

    async def ready(self, send: Send, reopen: Callable[[Message], Awaitable[Context]]) -> None:
        """Resume the runs that the last daemon had queued; report its other runs to the chats."""
        await self._restart.go_on(send, reopen)

    def overtakes(self, ctx: Context) -> bool:
        """Return whether the message rejects every open question of its chat."""
        message = ctx.message
        answer = said(message.text, is_reaction=message.is_reaction)
        return answer is not None and self._questions.are_rejected_by(ctx.chat_id, answer.word)

    @listener
    async def hear(self, ctx: Context) -> str | Pass | None:
        """Treat plain text as an answer to a question, or as a prompt."""
        message = ctx.message
        quoted_run = self._history.chats.run_of(ctx.chat_id, message.quoted_id)
        replied_to = replied(ctx, self._questions, quoted_run)
        if replied_to is not PASS:
            return replied_to
        answer = said(message.text, is_reaction=message.is_reaction)
        if answer is not None:
            heard = answered(ctx, answer, self._questions, quoted_run)
            if heard is not PASS:
                return heard
        if message.is_reaction or not message.text.strip():
            if not self.takes_files(ctx):
                return PASS
            await self._ask_about_files(ctx)
            return None
        if answer is not None and self._is_cut_off(ctx.chat_id, quoted_run):
            was = f"Run {quoted_run} was cut off, so its question is closed."
            return f"{was} /retry {quoted_run} runs it again."
        if not self._prompts.is_prompt(ctx):
            return PASS
        if self._questions.is_any_in(ctx.chat_id):
            raise UserError(
                "Answer with yes, no or a number: an agent is waiting for it. "
                "/run <prompt> starts another run anyway."
            )
        return await self._start(ctx, await self._prompts.text(ctx))

    async def _ask_about_files(self, ctx: Context) -> None:
        """Keep files without words, and ask what to do with them."""
        ctx.check_recordable()
        pending = self._history.pending_files
        them = "it" if pending.add(ctx.message) == 1 else "them"
        pending.note_question(ctx.message, await ctx.reply(f"What shall I do with {them}?"))

    def takes_files(self, ctx: Context) -> bool:
        """Return whether files are for a run: with a prompt, or in private without words."""
        message = ctx.message
        if not message.attachments or not may_run(ctx):
            return False
        if message.text.strip():
            return self._prompts.is_prompt(ctx)
        is_worth_asking = any(each.kind in _ASKED_ABOUT for each in message.attachments)
        return is_worth_asking and (is_private(message) or self._prompts.is_prompt(ctx))

    def is_asking(self, ctx: Context) -> bool:
        """Return whether an agent waits for a yes or no in this chat."""
        return self._questions.is_any_in(ctx.chat_id)

    def takes_text(self, ctx: Context) -> bool:
        """Return whether plain text is a prompt here."""
        return self._prompts.is_prompt(ctx)

    def takes_command(self, ctx: Context) -> bool:
        """Return whether a command that Butler has not got may be the agent's."""
        return self._prompts.takes_command(ctx)

    def foreign_commands(self) -> list[str]:
        """Return the names of the commands that agents announced here."""
        return self._history.slash_commands.names

    def command_hint(self, ctx: Context) -> str:
        """Say how an unknown command reaches the agent."""
        return self._prompts.hint(ctx)

    async def more_help(self, ctx: Context, command: str) -> str:
        """List the agent's own commands after the help of /agent."""
        return await self._prompts.help(ctx) if command == "agent" else ""

    def text_hint(self, ctx: Context) -> str:
        """Say how to prompt the agent where plain text is no prompt."""
        if not may_run(ctx):
            return ""
        return "Plain text is not a prompt here. /run <prompt>, or /chat on."

    def _is_cut_off(self, chat_id: str, number: int | None) -> bool:
        past = self._history.run(number, chat_id) if number is not None else None
        return past is not None and past.state is State.CUT_OFF
