"""What runs answered, for whoever looks at them later."""

from butler_run.history.file import HistoryFile, all_but_the_latest

_SCHEMA = "CREATE TABLE IF NOT EXISTS answers (number INTEGER PRIMARY KEY, text TEXT NOT NULL)"
_KEPT = 1_000


class Answers:
    """The answers' part of the run database; use it from one thread."""

    def __init__(self, file: HistoryFile) -> None:
        file.change(_SCHEMA)
        self._file = file

    def keep(self, number: int, text: str) -> None:
        """Keep what the chat was told at the end of a run, and forget the oldest ones."""
        self._file.note("INSERT OR REPLACE INTO answers VALUES (?, ?)", number, text)
        self._file.note(all_but_the_latest("answers"), _KEPT)

    def forget_ended_before(self, time_s: float | None) -> None:
        """Forget the answers of runs that ended before then (Unix seconds)."""
        query = "DELETE FROM answers WHERE number IN (SELECT number FROM runs WHERE ended_at < ?)"
        self._file.note(query, time_s)
