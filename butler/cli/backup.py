"""`butler backup`: save everything in one file."""

import argparse
import getpass
import sys
from datetime import datetime
from pathlib import Path

from butler.cli.exit_status import OK
from butler.cli.output import show_lines
from butler.config import loading
from butler.errors import ConfigError
from butler.ops.backup import Encryption, Saved, save
from butler.ops.encryption import Passphrase, Recipients, passphrase_in

_KIB = 1024


def main(options: argparse.Namespace) -> int:
    """Write a backup and say what is in it."""
    path = loading.find(options.config)
    config = loading.read(path)
    encryption = _encryption(options)
    target = options.file or _default_name(is_plain=encryption is None)
    saved = save(config.data_dir, path, target, encryption, with_link=options.with_link)
    show_lines(_lines(saved, config.data_dir))
    return OK


def _encryption(options: argparse.Namespace) -> Encryption | None:
    """Return the chosen encryption; ask for a passphrase where none is chosen.

    Raises:
        ConfigError: The options exclude each other, or nobody can be asked.
    """
    chosen = [options.passphrase_file, options.recipient, options.plain]
    if sum(map(bool, chosen)) > 1:
        raise ConfigError("Choose one of --passphrase-file, --recipient and --plain.")
    if options.plain:
        if options.with_link:
            raise ConfigError("With the link, a backup is always encrypted: leave --plain out.")
        return None
    if options.recipient:
        return Recipients(options.recipient)
    if options.passphrase_file is not None:
        return passphrase_in(options.passphrase_file)
    if not sys.stdin.isatty():
        raise ConfigError(
            "A backup is encrypted: name a --passphrase-file or a --recipient, or say --plain."
        )
    return _asked()


def _asked() -> Passphrase:
    first = getpass.getpass("Passphrase for the backup: ")
    if not first:
        raise ConfigError("An empty passphrase protects nothing. Choose another, or say --plain.")
    if getpass.getpass("The same again: ") != first:
        raise ConfigError("The two differ. Nothing was written.")
    return Passphrase(first)


def _default_name(*, is_plain: bool) -> Path:
    ending = ".tar.gz" if is_plain else ".tar.gz.age"
    return Path(f"butler-{datetime.now().astimezone():%Y%m%d-%H%M%S}{ending}")


def _lines(saved: Saved, data: Path) -> list[str]:
    count, size = len(saved.manifest.files), -(-saved.path.stat().st_size // _KIB)
    lines = [f"Saved {count} files in {saved.path} ({size} KiB), and read them back."]
    if saved.account is None:
        lines.append("Without the link to WhatsApp: after a restore, link again with: butler pair")
    else:
        lines.append(
            f"The link of {saved.account} moves with it: {data} can no longer use it. "
            "Restore the backup in its new place, once."
        )
    lines.append("Not in it: the snapshots behind /undo.")
    return lines
