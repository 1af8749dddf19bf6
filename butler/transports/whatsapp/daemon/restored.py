"""What becomes of open messages and replies in a copy that was put back: they are not repeated."""

from pathlib import Path

from butler.storage.files import is_there, private_folder
from butler.transports.whatsapp.daemon.started_marks import FILE_NAME, StartedMarks
from butler.transports.whatsapp.daemon.turns import place
from butler.transports.whatsapp.journal import database

_OPEN = "SELECT row, message_id FROM inbox WHERE state IN ('received', 'handed') ORDER BY row"
_MAKE_WAY = "DELETE FROM outbox WHERE key = ? AND state IN ('asked', 'sending')"
_GIVE_UP = (
    "UPDATE outbox SET state = 'unknown', reason = 'restored from a copy', request = NULL "
    "WHERE state IN ('asked', 'sending')"
)


def ask_about_open_turns(folder: Path) -> int:
    """Mark open turns as started, so that their chats are asked; return their number; blocks.

    Replies that wait may have been sent before. The question takes the place of the first one to
    an open turn; the others are given up as unknown.

    Raises:
        DataError: Journal or marks cannot be used.
    """
    path = folder / database.FILE_NAME
    if not is_there(path):
        return 0
    with database.Journal(path) as journal:
        rows = journal.rows(_OPEN)
        marks = StartedMarks(private_folder(folder) / FILE_NAME)
        for row, message_id in rows:
            marks.add(row, message_id, is_told=True)
            journal.change(_MAKE_WAY, place(row, 1))
        marks.close()
        journal.change(_GIVE_UP)
    return len(rows)
