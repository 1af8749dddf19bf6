"""`butler status --disk`: the files of the data folder, their sizes, and what limits each."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from butler.app import MEDIA_FOLDER, SESSIONS_FILE
from butler.chat.text import duration
from butler.config.schema import Config
from butler.logs import FILES_KEPT
from butler.ops import backup, control
from butler.transports.whatsapp import CREDENTIALS

_SIDE_FILES: Final = ("-wal", "-shm", "-journal")
_UNKNOWN: Final = "not Butler's, or put aside by somebody; nothing removes it"
_LIMITS: Final = {
    "grants.sqlite3": "a row for each person or chat that was allowed or denied",
    "standing-grants.sqlite3": "a row for each thing that agents may always do; /grants",
    "console.sqlite3": "message ids of 30 days",
    "grants.key": "of a fixed size",
    "standing-grants.key": "of a fixed size",
    "pins.key": "of a fixed size",
    "agents/": "what agents without a home of their own keep, for each repo; their own",
    "fleet/": "keys, and marks of the turns of seven days, for other machines",
    "pins/": "a small file for each repo",
    "daemon.lock": "the id of the daemon",
    "backup.lock": "the id of what makes a backup",
    "panel.lock": "the id of the panel in the browser",
    "status.json": "replaced at each change",
    "notices.json": "of a few lines, replaced every 10 seconds",
    "generation.json": "of a fixed size",
    "generation.original": "an empty file",
    f"whatsapp/{CREDENTIALS}": "the library's: keys of people and groups; of messages, 30 days",
    "whatsapp/journal.sqlite3": "30 days of messages, their texts until they are done",
    "whatsapp/begun": "1,024 turns in progress, of a fixed size",
    f"{backup.FOLDER_NAME}/": "only while a backup is made",
    f"{control.FOLDER_NAME}/": "a socket for each process",
    "working-copies/": "an empty file for each working copy",
    f"{MEDIA_FOLDER}/": "files of messages",
    "runs/": "files that runs got and sent, 7 days",
    "snapshots/": "what runs of the last days changed; pruned when idle",
}


@dataclass(frozen=True, slots=True)
class DiskUse:
    """A file or folder: its path in the data folder, size in bytes, and what limits it."""

    path: str
    size: int
    limit: str


def disk_use(config: Config) -> list[DiskUse]:
    """Return the files and folders of the data folder, the largest first; no links are followed."""
    sizes: dict[str, int] = {}
    for path, size in _files(config.data_dir):
        name = _group(path)
        sizes[name] = sizes.get(name, 0) + size
    limits = {**_LIMITS, **_configured_limits(config)}
    found = (DiskUse(name, size, limits.get(name, _UNKNOWN)) for name, size in sizes.items())
    return sorted(found, key=lambda each: (-each.size, each.path))


def lines(found: list[DiskUse]) -> list[str]:
    """Return a table, its sum last."""
    total = DiskUse("in all", sum(each.size for each in found), "")
    width = max(len(each.path) for each in (*found, total))
    return [
        f"{each.path:<{width}}  {each.size / 1_000_000:>10,.1f} MB  {each.limit}".rstrip()
        for each in (*found, total)
    ]


def _configured_limits(config: Config) -> dict[str, str]:
    records, sessions = config.records, config.sessions
    forever = sessions.expire_after is None
    idle = "no time limit" if forever else f"at most {duration(sessions.expire_after or 0)} idle"
    kept = duration(records.keep) if records.keep is not None else "no time limit"
    media = duration(config.media.keep) if config.media.keep is not None else "no time limit"
    return {
        **dict(_limits_of_log(config)),
        f"{MEDIA_FOLDER}/": f"files of messages, {media} ([media] keep) and 2 GB",
        SESSIONS_FILE: f"a row for each chat, {idle} ([sessions] expire_after)",
        "records.sqlite3": f"{records.max_mb:,} MB, {kept} ([records] max_mb, keep)",
        "runs.sqlite3": f"10,000 runs; their texts 1,000 runs, {kept} ([records] keep)",
    }


def _limits_of_log(config: Config) -> Iterator[tuple[str, str]]:
    file = config.log.file
    if file is not None and file.is_relative_to(config.data_dir):
        name = file.relative_to(config.data_dir).as_posix()
        for ending in ("", *(f".{number}" for number in range(1, FILES_KEPT + 1))):
            yield f"{name}{ending}", f"{config.log.max_mb:,} MB ([log] max_mb)"


def _files(folder: Path) -> Iterator[tuple[PurePath, int]]:
    for parent, _folders, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                size = path.lstat().st_size
            except FileNotFoundError:  # a socket or a log of SQLite that went meanwhile
                continue
            yield path.relative_to(folder), size


def _group(path: PurePath) -> str:
    """Return the line that a file belongs to: its folder, or the database that it is part of."""
    folder = f"{path.parts[0]}/"
    if len(path.parts) > 1 and folder in _LIMITS:
        return folder
    name = path.as_posix()
    for ending in _SIDE_FILES:
        name = name.removesuffix(ending)
    return name
