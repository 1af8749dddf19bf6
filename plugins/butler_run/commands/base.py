"""What the commands of the run plugin share."""

from butler import Context, Message, Plugin, Repo
from butler_run.agents import Past
from butler_run.catalog import Catalog
from butler_run.choice import Choice
from butler_run.files.run_files import RunFiles
from butler_run.history.runs import History
from butler_run.permissions.questions import Questions
from butler_run.runs.choices import Choices
from butler_run.runs.offers import Offers
from butler_run.runs.scheduler import Scheduler
from butler_run.settings import RunSettings
from butler_run.snapshots.undo import Changes
from butler_run.text.redaction import Redactor


class RunCommandsBase(Plugin[RunSettings]):
    """The state of the plugin, and the start of a run.

    Everything but the catalog and the questions exists once the plugin is entered.
    """

    _catalog: Catalog
    _questions: Questions
    _history: History
    _runs: Scheduler
    _changes: Changes
    _choices: Choices
    _offers: Offers
    _files: RunFiles
    _secrets: Redactor
    _listed: dict[tuple[str, str, str], list[Past]]

    async def _start(self, ctx: Context, prompt: str) -> str | None:
        repo = await ctx.active_repo()
        choice = self._choices.choose_for_run(ctx, repo)
        pending = self._history.pending_files
        files = [*pending.of(ctx.message), *ctx.message.attachments]
        note = await self._runs.start(ctx, repo, prompt, choice, files=files)
        if files:
            pending.forget(ctx.message)
        return "\n".join(each for each in (note, _left_out(ctx.message)) if each) or None

    def _choice(self, ctx: Context, repo: Repo) -> Choice:
        return self._choices.choose(ctx, repo)


def _left_out(message: Message) -> str:
    if not message.media or message.attachments:
        return ""
    return f"The {message.media} was left out: I can only pass on text and files."
