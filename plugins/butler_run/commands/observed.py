"""What the plugin shows of its runs outside of chats."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from butler import (
    ButlerError,
    LiveRun,
    OpenInquiry,
    Overview,
    RunReport,
    RunSummary,
    UserError,
    Way,
)
from butler_run.commands.base import RunCommandsBase
from butler_run.history.records import Record, RunRecords
from butler_run.history.runs import FILE_NAME
from butler_run.inquiries.inquiry import Inquiry
from butler_run.permissions.questions import Open, Question
from butler_run.runs.scheduler import Activity
from butler_run.snapshots.snapshots import SnapshotFolder
from butler_run.text.redaction import Redactor

MOST_SHOWN = 1_000_000
"""Maximum number of characters of a patch."""


class ObservedRuns(RunCommandsBase):
    """Shows runs, and the questions that they ask."""

    def overview(self) -> Overview:
        """Return the queued and active runs, and the open questions."""
        runs = [self._live_run(each) for each in self._runs.activities()]
        asked = [_inquiry(each, at) for each, at in self._questions.all_asked()]
        return Overview([each for each in runs if each], asked)

    def past_runs(self, limit: int, before: int | None = None) -> Sequence[RunSummary]:
        """Return the latest runs of all chats, newest first."""
        return self._records.last(limit, before)

    async def run_report(self, number: int) -> RunReport | None:
        """Return a run with its answer and its changes."""
        record = await asyncio.to_thread(self._records.one, number)
        if record is None:
            return None
        summary, answer = record.summary, record.answer
        try:
            patch = await self._patch(record)
        except ButlerError as error:
            return RunReport(summary, answer, tokens=record.tokens, problem=str(error))
        return RunReport(summary, answer, patch, record.tokens)

    @property
    def _records(self) -> RunRecords:
        return RunRecords(self.data_folder / FILE_NAME)

    def _live_run(self, activity: Activity) -> LiveRun | None:
        past = self._history.run(activity.number, activity.chat_id)
        if past is None or past.is_over:
            return None
        request = self._history.request(past.number)
        summary = RunSummary(
            number=past.number,
            chat_id=past.chat_id,
            repo=past.repo,
            agent=past.agent,
            person=self._history.called(past.person),
            state=str(past.state),
            prompt=request.prompt if request else "",
            queued_at=past.queued_at,
            started_at=past.started_at,
        )
        return LiveRun(summary, activity.doing, activity.todos)

    async def _patch(self, record: Record) -> str:
        """Return what a run changed, so far if it is at work, without secrets.

        Raises:
            UserError: That is unknown.
        """
        if record.before is None and not record.summary.is_over:
            raise UserError("The run has no snapshot yet, so its changes are unknown for now.")
        if record.before is None:
            raise UserError("There is no snapshot from before the run, so its changes are unknown.")
        if record.after is None and record.summary.is_over:
            raise UserError(
                "The run did not finish, so its changes cannot be told apart from later ones."
            )
        folder = SnapshotFolder(self.data_folder / "snapshots", self.settings.max_snapshot_mb)
        diff = await folder.of(Path(record.folder)).diff(record.before, record.after)
        if len(diff.text) > MOST_SHOWN:
            raise UserError("The changes are too large to be shown here.")
        return await asyncio.to_thread(Redactor(self._catalog.secrets).redacted, diff.text)


def _inquiry(asked: Open, at: float) -> OpenInquiry:
    common = (asked.code, asked.chat_id, asked.number)
    match asked:
        case Question():
            ways = [
                Way(f"{way.number} {asked.code}", _label(way.text), way.is_rejection)
                for way in asked.ways
            ]
            return OpenInquiry(*common, asked.repo.name, asked.wish, asked.details, ways, "", at)
        case Inquiry():
            text = asked.form.text(asked.agent).removesuffix(asked.form.hint)
            wish = f"{asked.agent} asks"
            return OpenInquiry(*common, "", wish, text, hint=asked.form.hint, asked_at=at)
        case _:
            return OpenInquiry(*common, "", "A question", "", asked_at=at)


def _label(text: str) -> str:
    """Return the text of a way without what to type for it: ``yes`` of ``1 or 👍 yes``."""
    _number, _, rest = text.partition(" ")
    return rest.removeprefix("or 👍 ").removeprefix("or 👎 ")
