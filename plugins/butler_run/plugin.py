"""The run plugin: /run and its companions."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Literal, Self

from butler import (
    PASS,
    ButlerError,
    Context,
    Finding,
    Message,
    Pass,
    Plugin,
    Reply,
    Repo,
    Role,
    Send,
    UserError,
    ask_process,
    command,
    duration,
    listed,
    listener,
)
from butler_run.catalog import Catalog, Choice
from butler_run.history.runs import FILE_NAME, History, Past, Request, State, history_finding
from butler_run.permissions.answer import answered, may_run
from butler_run.permissions.questions import Questions, said
from butler_run.permissions.standing import StandingGrant
from butler_run.runs.copy_locks import FOLDER_NAME as COPIES
from butler_run.runs.copy_locks import CopyLocks
from butler_run.runs.scheduler import Scheduler
from butler_run.sandbox.enclosures import Enclosures, Surroundings
from butler_run.sandbox.findings import sandbox_findings
from butler_run.settings import RepoRunSettings, RunSettings
from butler_run.snapshots.snapshots import SnapshotFolder
from butler_run.snapshots.undo import Changes
from butler_run.snapshots.working_copy import working_copy
from butler_run.text.redaction import Redactor

logger = logging.getLogger(__name__)

RUNS_SHOWN = 10


class RunPlugin(Plugin[RunSettings]):
    """Runs coding agents in the chats' active repos."""

    settings_type = RunSettings
    repo_settings_type = RepoRunSettings

    def __init__(self, settings: RunSettings) -> None:
        super().__init__(settings)
        self._catalog = Catalog(settings)
        self._questions = Questions()

    async def __aenter__(self) -> Self:
        self._history = History(self.data_folder / FILE_NAME, self.keep_s)
        secrets = Redactor(self._catalog.secrets)
        folder = SnapshotFolder(self.data_folder / "snapshots", self.settings.max_snapshot_mb)
        surroundings = Surroundings(self.data_folder, self.config_path, self.known_repos)
        self._runs = Scheduler(
            *(self.settings, self._history, self._questions, secrets),
            *(Enclosures(surroundings), folder),
            CopyLocks(self.data_folder / COPIES, self.process_name),
        )
        self._changes = Changes(self._history, secrets, folder)
        self._cut_off = self._history.cut_off()
        self._untold = self._history.take_untold()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._history.close()

    def at_work(self) -> int:
        """Return how many runs are queued or active."""
        return self._runs.at_work

    def findings(self, repos: Sequence[Repo]) -> list[Finding]:
        """Check the agents, their sandbox and the run history."""
        surroundings = Surroundings(self.data_folder, self.config_path, self.known_repos)
        return [
            *self._catalog.findings(repos),
            *sandbox_findings(Enclosures(surroundings), self._catalog.boundaries(repos)),
            history_finding(self.data_folder / FILE_NAME),
        ]

    def suggestions(self, command: str, parameter: str, chat_id: str) -> list[str]:
        """Offer the agents, and the runs of the chat, newest first."""
        if (command, parameter) == ("agent", "name"):
            return list(self._catalog.names)
        if parameter == "run":
            return [str(each.number) for each in self._history.last(chat_id, RUNS_SHOWN)]
        return []

    async def ready(self, send: Send, reopen: Callable[[Message], Context]) -> None:
        """Resume the runs that the last daemon had queued; report its other runs to the chats."""
        for request in self._history.take_queued():
            await self._go_on(send, reopen(request.message), request)
        for run in self._cut_off:
            said_so = f"Run {run.number} in *{run.repo}* was cut off when Butler stopped."
            text = f"{said_so} /retry {run.number} restarts it."
            await _told(send, run.number, run.chat_id, Reply(text))
        for run, answer in self._untold:
            said_so = f"Run {run.number} in *{run.repo}* had finished when Butler stopped."
            text = f"{said_so} In case you missed its answer:\n\n{answer}"
            if await _told(send, run.number, run.chat_id, Reply(text)):
                self._history.note_told(run.number)

    async def _go_on(self, send: Send, ctx: Context, request: Request) -> None:
        """Queue a run again, if its sender still has permission."""
        if not may_run(ctx):
            logger.info(
                "run %d is not resumed: its sender no longer has permission", request.number
            )
            self._history.end(request.number, State.CUT_OFF)
            return
        try:
            repo = await ctx.repo(request.repo)
            copy = await asyncio.to_thread(working_copy, repo)
            choice = self._catalog.choose(repo, request.agent)
        except UserError as error:
            self._history.end(request.number, State.CUT_OFF)
            reply = Reply(f"Run {request.number} was queued and cannot start: {error}", ctx.message)
            await _told(send, request.number, ctx.chat_id, reply)
            return
        self._runs.line_up(ctx, request.number, repo, copy, request.prompt, choice)

    @command(aliases=("exec", "do", "ask"))
    async def run(self, ctx: Context, *, prompt: str) -> str | None:
        """Let the agent work in this chat's active repo.

        /run add a retry to the HTTP client continues the chat's conversation in that repo; /new
        starts a new one. /stop ends the run, /diff shows its changes, /undo reverts them.
        """
        return await self._start(ctx, prompt)

    @command(overtakes=True)
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
        if not self._runs.can_stop(ctx.chat_id, run):
            elsewhere = self._history.elsewhere(ctx.chat_id)
            number = min(elsewhere, default=None) if run is None else run
            if number in elsewhere:
                return await self._stop_elsewhere(number, *elsewhere[number])
            await ctx.caught_up()  # a /run that was overtaken may start it yet
        return await self._runs.stop(ctx.chat_id, run)

    async def asked(self, text: str) -> str:
        """Stop a run for another process: its number, and the chat it belongs to."""
        number, _, chat_id = text.partition(" ")
        if not number.isdecimal():
            raise UserError("Another Butler asked for what this one does not know.")
        return await self._runs.stop(chat_id, int(number))

    async def _stop_elsewhere(self, number: int, process_id: int, chat_id: str) -> str:
        return await ask_process(self.data_folder, process_id, "run", f"{number} {chat_id}")

    async def _stop_all(self, ctx: Context, chat_id: str | None) -> str:
        elsewhere = self._history.elsewhere(chat_id)
        is_here = self._runs.can_stop(chat_id, None) or not elsewhere
        said = [await self._runs.stop_all(chat_id)] if is_here else []
        if elsewhere:
            said += await asyncio.gather(
                *(self._stop_elsewhere(each, *there) for each, there in elsewhere.items())
            )

        async def stop_overtaken() -> None:
            if await ctx.caught_up():
                await self._runs.stop_all(chat_id)

        ctx.start(stop_overtaken(), "stop all")
        return "\n".join(said)

    @command(needs_like="run")
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
        choice = self._catalog.choose(repo, request.agent)
        return await self._runs.start(ctx, repo, request.prompt, choice)

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

    @command(needs=Role.VIEWER)
    async def runs(self, ctx: Context) -> str:
        """List the runs of this chat: running, queued and recent ones."""
        last = self._history.last(ctx.chat_id, RUNS_SHOWN)
        runs = [run for run in last if ctx.may_see(run.repo)]
        if not runs:
            return "No runs in this chat yet. /run <prompt> starts one."
        return "\n".join(_listed(run, time.time()) for run in runs)

    @command(needs=Role.VIEWER)
    async def diff(self, ctx: Context, run: int | None = None) -> str | Reply:
        """Show the changes of a run.

        /diff shows those of the latest run of this chat, /diff 14 those of run 14. Without any run,
        it shows the uncommitted changes of the active repo.
        """
        return await self._changes.shown(ctx, run)

    @command(needs_like="run")
    async def undo(self, ctx: Context, run: int | None = None) -> str:
        """Restore the files to their state before a run.

        Files that were changed after the run are never overwritten.
        """
        past, repo = await self._changes.to_undo(ctx, run)
        with self._runs.at_rest(await asyncio.to_thread(working_copy, repo)):
            return await self._changes.undone(past, repo)

    @command(needs_like="run")
    async def agent(self, ctx: Context, name: str | None = None) -> str:
        """Show or choose the agent of this chat."""
        if name is None:
            repo = await ctx.active_repo()
            used = self._choice(ctx, repo).name
            known = ", ".join(self._catalog.names_in(repo))
            return f"This chat uses *{used}* in *{repo.name}*. Available: {known}."
        self._catalog.check(name)
        if await ctx.active_repo_name() is not None:
            self._catalog.check_in(await ctx.active_repo(), name)
        self._history.chats.choose_agent(ctx.chat_id, name)
        problem = await asyncio.to_thread(self._catalog.problem, name)
        return " ".join(each for each in (f"This chat now uses *{name}*.", problem) if each)

    @command(needs_like="run")
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

    @command(needs=Role.OWNER)
    async def lift(self, ctx: Context) -> str:
        """Let the next run of this chat exceed the daily budget."""
        self._history.chats.lift(ctx.chat_id, is_lifted=True)
        return "The next run here may exceed the budget."

    @command(needs=Role.OWNER)
    async def grants(
        self,
        ctx: Context,
        action: Literal["revoke"] | None = None,
        number: int | Literal["all"] | None = None,
    ) -> str:
        """List what agents may do in this chat without asking, since an owner answered "always".

        /grants revoke 2 revokes the second grant, /grants revoke all every one of this chat.
        """
        standing = self._questions.standing
        if action is None:
            grants = [_granted(each) for each in standing.of(ctx.chat_id)]
            if not grants:
                return "No standing grants in this chat: agents ask."
            return "\n".join([*grants, "", "/grants revoke <number> revokes one."])
        if number is None:
            raise UserError("Which one? /grants revoke <number>, or /grants revoke all")
        revoked = standing.revoke(ctx.chat_id, number if isinstance(number, int) else None)
        ctx.detail = f"grants revoked: {', '.join(str(each.number) for each in revoked) or 'none'}"
        if not revoked:
            raise UserError("There is no such grant in this chat. /grants lists them.")
        return f"Agents ask again: {listed(each.scope.what for each in revoked)}."

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
        answer = said(message.text, is_reaction=message.is_reaction)
        if answer is not None:
            heard = answered(ctx, answer, self._questions, quoted_run)
            if heard is not PASS:
                return heard
        if message.is_reaction or not message.text.strip():
            return PASS
        if answer is not None and self._is_cut_off(ctx.chat_id, quoted_run):
            was = f"Run {quoted_run} was cut off, so its question is closed."
            return f"{was} /retry {quoted_run} restarts it."
        if not self._is_prompt(ctx, quoted_run):
            return PASS
        if self._questions.of(ctx.chat_id):
            raise UserError(
                "An agent is waiting for an answer here: yes, no or a number. "
                "/run <prompt> starts another run anyway."
            )
        return await self._start(ctx, message.text.strip())

    def takes_text(self, ctx: Context) -> bool:
        """Return whether plain text is a prompt here."""
        return self._is_prompt(ctx, self._history.chats.run_of(ctx.chat_id, ctx.message.quoted_id))

    def text_hint(self, ctx: Context) -> str:
        """Say how to prompt the agent where plain text is no prompt."""
        if not may_run(ctx):
            return ""
        return "Plain text is not a prompt here. /run <prompt>, or /chat on."

    async def _start(self, ctx: Context, prompt: str) -> str | None:
        repo = await ctx.active_repo()
        note = await self._runs.start(ctx, repo, prompt, self._choice(ctx, repo))
        return "\n".join(each for each in (note, _left_out(ctx.message)) if each) or None

    def _is_prompt(self, ctx: Context, quoted_run: int | None) -> bool:
        message, chats = ctx.message, self._history.chats
        is_meant = quoted_run is not None or message.is_to_bot or chats.is_listening(ctx.chat_id)
        return is_meant and may_run(ctx)

    def _is_cut_off(self, chat_id: str, number: int | None) -> bool:
        past = self._history.run(number, chat_id) if number is not None else None
        return past is not None and past.state is State.CUT_OFF

    def _choice(self, ctx: Context, repo: Repo) -> Choice:
        return self._catalog.choose(repo, self._history.chats.agent_of(ctx.chat_id))


def _left_out(message: Message) -> str:
    return f"The {message.media} was left out: I can only pass on text." if message.media else ""


def _granted(grant: StandingGrant) -> str:
    return f"{grant.number}. {grant.scope.what}, in *{grant.repo}*, by {grant.by}"


def _listed(run: Past, now: float) -> str:
    parts = [f"• {run.number} *{run.repo}* {run.state}", run.agent, run.person]
    if run.started_at is not None:
        parts.append(duration((run.ended_at or now) - run.started_at))
    if run.cost_usd is not None:
        parts.append(f"${run.cost_usd:.2f}")
    return ", ".join(parts)


async def _told(send: Send, number: int, chat_id: str, reply: Reply) -> bool:
    try:
        await send(chat_id, reply)
    except ButlerError as error:
        logger.warning("run %d: cannot report its end: %s", number, error)
        return False
    return True
