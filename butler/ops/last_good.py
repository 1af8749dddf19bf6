"""The last configuration that was in force, for a start while the file has mistakes."""

import hashlib
import logging
import time
from pathlib import Path

import platformdirs

from butler.app import Setup, read_setup
from butler.config import loading
from butler.errors import ConfigError, DataError, PluginError
from butler.ops.link_words import clock_time
from butler.storage.files import is_there, private_folder, replace_file

logger = logging.getLogger(__name__)

STALE_S = 5 * 365 * 86_400.0


def kept_file(path: Path) -> Path:
    """Return where the last good version of a configuration file is kept.

    That is not in the data folder, whose place the file itself says.
    """
    name = hashlib.sha256(bytes(path.resolve())).hexdigest()[:16]
    return Path(platformdirs.user_state_dir("butler", appauthor=False)) / f"{name}.toml"


def keep(setup: Setup) -> None:
    """Keep a configuration that is in force from now on."""
    file = kept_file(setup.path)
    try:
        private_folder(file.parent)
        _prune(file.parent)
        replace_file(file, setup.text.encode())
    except (DataError, OSError) as error:
        logger.warning("the configuration cannot be kept as the last good one: %s", error)


def read_or_last_good(path: Path | None) -> tuple[Setup, str]:
    """Read the configuration, or the last good one; return what its owner needs to know, too.

    Raises:
        ConfigError: The file has mistakes, and there is no good one.
        PluginError: The same.
    """
    path = loading.find(path)
    try:
        return read_setup(path), ""
    except (ConfigError, PluginError) as error:
        kept = kept_file(path)
        if not is_there(path) or not is_there(kept):
            raise
        try:
            setup = read_setup(path, kept)
        except (ConfigError, PluginError):
            raise error from None
        since = clock_time(kept.stat().st_mtime)
        return setup, (
            f"{path} has mistakes, so I started with the last good version, of {since}. "
            "Changes to access since then are NOT in force: whoever was shut out in the file is "
            f"still let in. Mend this, and it is read again by itself:\n{error}"
        )


def _prune(folder: Path) -> None:
    """Delete what was kept for files that have not been used for years."""
    for each in folder.glob("*.toml"):
        if time.time() - each.stat().st_mtime > STALE_S:
            each.unlink(missing_ok=True)
