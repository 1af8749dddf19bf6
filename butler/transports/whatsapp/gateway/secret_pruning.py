"""Prunes the secrets of messages that the library keeps for edits and reactions.

The library stores one for each message of every group and deletes none. WhatsApp takes no edits
after 20 minutes; after 30 days nothing needs them.

This is a process of its own: a second SQLite in the process of the library would drop the locks
of the library's when it closes the file (https://www.sqlite.org/howtocorrupt.html, section 2.2).
"""

import asyncio
import contextlib
import logging
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from butler.transports.whatsapp.account import CREDENTIALS
from butler.transports.whatsapp.journal.secret_marks import SecretMarks

logger = logging.getLogger(__name__)

KEEP_S = 30 * 24 * 3600.0
_LIMIT_S = 300.0
_ROWS_AT_A_TIME = 500
_PAUSE_S = 0.02
_PATIENCE_S = 5.0

# Never the last row, so that SQLite does not give its number again.
_DELETE = """
DELETE FROM whatsmeow_message_secrets WHERE rowid IN (
    SELECT rowid FROM whatsmeow_message_secrets
    WHERE rowid <= ? AND rowid < (SELECT max(rowid) FROM whatsmeow_message_secrets)
    ORDER BY rowid LIMIT ?
)
"""


async def prune_secrets(folder: Path, marks: SecretMarks) -> None:
    """Delete what is older than 30 days, and mark what there is now."""
    up_to_row = marks.last_before(time.time() - KEEP_S)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__, str(folder / CREDENTIALS), str(up_to_row)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            output, _ = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.returncode == 0:
        marks.forget(up_to_row)
        marks.note(int(output))
    else:
        logger.warning("message secrets were not pruned: status %s", process.returncode)


def pruned(path: Path, up_to_row: int) -> int:
    """Delete the rows up to this one, some at a time; return the last row of all."""
    with closing(
        sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_PATIENCE_S,
            isolation_level=None,
        )
    ) as db:
        while db.execute(_DELETE, (up_to_row, _ROWS_AT_A_TIME)).rowcount == _ROWS_AT_A_TIME:
            time.sleep(_PAUSE_S)
        (last,) = db.execute("SELECT max(rowid) FROM whatsmeow_message_secrets").fetchone()
    return last or 0


if __name__ == "__main__":
    sys.stdout.write(str(pruned(Path(sys.argv[1]), int(sys.argv[2]))))
