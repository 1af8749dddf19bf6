"""What chats and people have used: the number of their runs, tokens and US dollars."""

from butler import Person
from butler_run.history.file import HistoryFile


class UsageSoFar:
    """Sums up the runs in the run database; use it from one thread. Times are in Unix seconds."""

    def __init__(self, file: HistoryFile) -> None:
        self._file = file

    def asked_by(self, person: Person, since: float) -> list[float]:
        """Return the times of a person's runs since then, under either address, oldest first."""
        addresses = (person.phone, person.lid)
        query = (
            "SELECT queued_at FROM runs LEFT JOIN details USING (number) WHERE queued_at > ? "
            "AND (person IN (?, ?) OR phone = ? OR lid = ?) ORDER BY queued_at"
        )
        rows = self._file.rows(query, since, *addresses, *addresses)
        return [float(queued_at) for (queued_at,) in rows]

    def of(self, chat_id: str, since: float) -> tuple[int, int, float]:
        """Return the runs, tokens and US dollars of a chat since then."""
        query = (
            "SELECT count(*), coalesce(sum(tokens), 0), total(cost_usd) FROM runs "
            "LEFT JOIN details USING (number) WHERE chat_id = ? AND queued_at > ?"
        )
        ((runs, tokens, cost),) = self._file.rows(query, chat_id, since)
        return int(runs), int(tokens), float(cost)
