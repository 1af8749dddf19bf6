"""The runs of other processes on the same history."""

from dataclasses import dataclass

from butler_run.history.file import HistoryFile
from butler_run.history.past import AT_WORK, State
from butler_run.history.process_ids import id_in, is_there

_LIVE = (State.QUEUED, *AT_WORK)
_RUNS = (
    "SELECT number, chat_id, state, process FROM runs JOIN details USING (number) "
    "WHERE process <> ? AND state IN (?, ?, ?, ?) "
)


@dataclass(frozen=True, slots=True)
class RunElsewhere:
    """A queued or active run of another running process."""

    number: int
    chat_id: str
    process_id: int
    is_at_work: bool


class RunsElsewhere:
    """The runs of other processes; use it from one thread.

    Args:
        file: The run database.
        process: The unique name of this process.
    """

    def __init__(self, file: HistoryFile, process: str) -> None:
        self._file = file
        self._process = process

    def has(self, number: int) -> bool:
        """Return whether another running process owns a run."""
        query = "SELECT process FROM details WHERE number = ? AND process <> ?"
        rows = self._file.rows(query, number, self._process)
        return bool(rows) and is_there(str(rows[0][0]))

    def live(self, chat_id: str | None) -> list[RunElsewhere]:
        """Return the queued and active runs of a chat, or with None of all chats, oldest first."""
        return [
            RunElsewhere(number, chat, id_in(process), state != State.QUEUED)
            for number, chat, state, process in self._of(chat_id)
            if is_there(process)
        ]

    def left_behind(self, chat_id: str | None) -> list[int]:
        """Return the queued runs of dead processes, which would start later, oldest first."""
        return [
            number
            for number, _chat, state, process in self._of(chat_id)
            if state == State.QUEUED and not is_there(process)
        ]

    def has_earlier(self, number: int) -> bool:
        """Return whether another running process has an earlier run in the same folder."""
        where = "AND number < ? AND folder = (SELECT folder FROM runs WHERE number = ?)"
        rows = self._file.rows(f"{_RUNS}{where}", self._process, *_LIVE, number, number)
        return any(is_there(process) for *_, process in rows)

    def _of(self, chat_id: str | None) -> list[tuple[int, str, str, str]]:
        where = "AND chat_id = coalesce(?, chat_id) ORDER BY number"
        return self._file.rows(f"{_RUNS}{where}", self._process, *_LIVE, chat_id)
