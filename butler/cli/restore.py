"""`butler restore`: put a backup back."""

import argparse
import getpass
import shlex
import sys

from butler.cli.exit_status import OK
from butler.cli.output import show_lines
from butler.errors import ConfigError, DataError
from butler.ops.encryption import (
    Identities,
    Passphrase,
    is_encrypted,
    passphrase_in,
    wants_passphrase,
)
from butler.ops.restore import Decryption, Restored, restore


def main(options: argparse.Namespace) -> int:
    """Restore a backup and say where it is."""
    decryption = _decryption(options)
    show_lines(_lines(restore(options.file, decryption, options.config)))
    return OK


def _decryption(options: argparse.Namespace) -> Decryption | None:
    """Return what decrypts the file; ask for its passphrase where it has one.

    Raises:
        ConfigError: A key is needed and none was named.
        DataError: The file cannot be read.
    """
    path = options.file
    try:
        if not is_encrypted(path):
            return None
        has_passphrase = wants_passphrase(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    if not has_passphrase:
        if options.identity is None:
            raise ConfigError(f"{path} is encrypted to a key: name its --identity file.")
        return Identities(options.identity)
    if options.passphrase_file is not None:
        return passphrase_in(options.passphrase_file)
    if not sys.stdin.isatty():
        raise ConfigError(f"{path} is encrypted with a passphrase: name its --passphrase-file.")
    return Passphrase(getpass.getpass(f"Passphrase of {path.name}: "))


def _lines(restored: Restored) -> list[str]:
    manifest = restored.manifest
    saved = f"{manifest.created.astimezone():%d %b %Y, %H:%M}"
    lines = [f"Restored the backup of {saved} (Butler {manifest.butler}) to {restored.data}."]
    if restored.config is None:
        lines.append("Your configuration was kept; the one in the backup was not used.")
    else:
        lines.append(f"The configuration is {restored.config}. Check it with: butler check")
    lines.append(
        "What happened after the backup is not known here: a run or a reply of that time is not "
        "repeated by itself, but is not listed either."
    )
    start = "butler run" if manifest.has_link else "butler pair"
    option = f" --config {shlex.quote(str(restored.config))}" if restored.config else ""
    lines.append(f"Next: {start}{option}")
    return lines
