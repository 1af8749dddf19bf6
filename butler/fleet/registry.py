"""What a hub knows of the runs, questions and messages of all machines."""

from collections import OrderedDict

from butler.core.fleet import OpenQuestion
from butler.fleet.journal import MOST_RUNS, MOST_SENT, Journal, QuestionPlace, RunPlace


class Registry:
    """Finds the machine of a run, a question or a message.

    Args:
        journal: Keeps the runs and messages beyond the end of the process.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._runs = {run.number: run for run in journal.runs()}
        self._questions: dict[tuple[str, str], QuestionPlace] = {
            (each.question.chat_id, each.question.code): each for each in journal.questions()
        }
        self._sent: OrderedDict[tuple[str, str], str] = OrderedDict(
            ((chat_id, message_id), machine) for chat_id, message_id, machine in journal.sent()
        )

    def job_began(self, machine: str, chat_id: str, number: int) -> None:
        """Note a run."""
        self._note_run(RunPlace(number, machine, chat_id, True))

    def job_ended(self, number: int) -> None:
        """Note that a run has ended."""
        run = self._runs.get(number)
        if run is not None and run.is_live:
            self._note_run(run._replace(is_live=False))

    @property
    def highest(self) -> int:
        """The highest number of a run; 0 if none is known."""
        return max(self._runs, default=0)

    def run(self, number: int) -> RunPlace | None:
        """Return where a run is."""
        return self._runs.get(number)

    def live_runs(self, machine: str | None = None, chat_id: str | None = None) -> list[RunPlace]:
        """Return the runs in progress, of a machine or a chat or of all, oldest first."""
        return [
            run
            for run in self._runs.values()
            if run.is_live and machine in {None, run.machine} and chat_id in {None, run.chat_id}
        ]

    def newest_run(self, chat_id: str) -> RunPlace | None:
        """Return the newest run of a chat."""
        return max((run for run in self._runs.values() if run.chat_id == chat_id), default=None)

    def machines_with_runs(self, chat_id: str) -> set[str]:
        """Return the machines on which a chat has, or had, runs."""
        return {run.machine for run in self._runs.values() if run.chat_id == chat_id}

    def question_asked(self, machine: str, question: OpenQuestion, life: int | None = None) -> None:
        """Note an open question; that of a worker, which has a life, outlives this process."""
        place = QuestionPlace(machine, question, life or 0)
        self._questions[question.chat_id, question.code] = place
        if life is not None:
            self._journal.note_question(place)

    def question_closed(self, chat_id: str, code: str) -> None:
        """Note that a question is closed."""
        if self._questions.pop((chat_id, code), None) is not None:
            self._journal.forget_question(chat_id, code)

    def questions(self, chat_id: str) -> list[QuestionPlace]:
        """Return the open questions of a chat."""
        return [each for (of_chat, _code), each in self._questions.items() if of_chat == chat_id]

    def forget_questions(self, machine: str, *, but_of: int) -> None:
        """Note that the questions of a machine are closed, but for those of its present life."""
        for (chat_id, code), each in list(self._questions.items()):
            if each.machine == machine and each.life != but_of:
                self.question_closed(chat_id, code)

    def note_sent(self, machine: str, chat_id: str, message_id: str) -> None:
        """Note which machine a message of the bot is from."""
        self._sent[chat_id, message_id] = machine
        self._journal.note_sent(chat_id, message_id, machine)
        if len(self._sent) > MOST_SENT:
            self._sent.popitem(last=False)

    def sent_by(self, chat_id: str, message_id: str | None) -> str | None:
        """Return which machine a message is from, if from another one than this."""
        return None if message_id is None else self._sent.get((chat_id, message_id))

    def _note_run(self, run: RunPlace) -> None:
        if self._runs.get(run.number) == run:
            return
        self._runs[run.number] = run
        self._journal.note_run(run)
        if len(self._runs) > MOST_RUNS:
            del self._runs[next(iter(self._runs))]
