"""`butler report`: what helps to find a fault, without who, where or what was said."""

import platform
import sqlite3
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, TextIO

from butler import distribution
from butler.app import Setup
from butler.errors import DataError
from butler.ops import checks, report
from butler.ops.redaction import Redaction
from butler.transports.whatsapp import stored_names

LOG_LINES: Final = 500

_PACKAGES: Final = ("neonize", "protobuf", "pydantic", "agent-client-protocol", "redis", "pyrage")
_JOURNAL: Final = ("journalctl", "--user", "--unit=butler", f"--lines={LOG_LINES}", "--quiet")
_JOURNAL_LIMIT_S: Final = 10.0


def redacted(setup: Setup, log: Sequence[str]) -> str:
    """Return the report: versions, checks, status, schemas of the databases, and the log.

    Args:
        setup: The configuration.
        log: The last lines of the log.
    """
    redaction = Redaction(_names(setup), Path.home())
    sections = {
        "Versions": list(_versions()),
        "Check": [str(each) for each in checks.findings(setup)],
        "Status": report.lines(report.status(setup.path)),
        "Databases": list(_databases(setup.config.data_dir)),
        f"Log, last {len(log)} lines": log,
    }
    parts = (
        f"## {title}\n{chr(10).join(redaction.lines(lines)) or 'nothing'}\n"
        for title, lines in sections.items()
    )
    return "\n".join(parts)


def log_lines(source: TextIO | None) -> list[str]:
    """Return the last lines of a log; without one, of the systemd journal, if there is any.

    Raises:
        DataError: The log cannot be read.
    """
    if source is None:
        return _journal_lines()
    try:
        return [line.rstrip("\n") for line in deque(source, maxlen=LOG_LINES)]
    except OSError as error:
        raise DataError(f"The log cannot be read: {error.strerror}.") from None


def _journal_lines() -> list[str]:
    try:
        asked = subprocess.run(
            _JOURNAL,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_JOURNAL_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return asked.stdout.splitlines()[-LOG_LINES:] if asked.returncode == 0 else []


def _names(setup: Setup) -> dict[str, str]:
    """Return what to hide by name: chats, repos, and their folders."""
    chats = stored_names(setup.config.data_dir / "whatsapp").values()
    repos = {repo.name: repo.path for repo in setup.repos}
    return {
        **dict.fromkeys(chats, "chat"),
        **{str(path): "folder" for path in repos.values()},
        **dict.fromkeys(repos, "repo"),
    }


def _versions() -> Iterator[str]:
    yield f"butler {distribution.version()}"
    yield f"Python {platform.python_version()} on {platform.platform()}"
    yield f"SQLite {sqlite3.sqlite_version}"
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package} is not installed"


def _databases(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.sqlite3")):
        name, size = path.relative_to(folder), path.stat().st_size
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
                (schema,) = db.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            yield f"{name} {size:,} bytes, cannot be read: {error}"
        else:
            yield f"{name} {size:,} bytes, schema {schema}"
