"""`butler notify --test`: try the ways to reach the owner besides WhatsApp."""

import argparse
import time
from collections.abc import Iterator

from butler.cli.exit_status import FAILED, OK
from butler.cli.output import show_lines
from butler.config import loading
from butler.errors import ConfigError
from butler.ops.notify_channels import Channel, Notice, NotSentError, channels, ping

_TEXT = "This is a test of butler notify. Nothing is wrong."


def main(options: argparse.Namespace) -> int:
    """Send a test notice on every channel; fail if one does not take it."""
    config = loading.read(options.config)
    found: dict[str, Channel] = channels(config.notify)
    if (url := config.notify.ping) is not None:
        found["ping"] = lambda _notice: ping(url)
    if not found:
        raise ConfigError("[notify] names no way to reach you, see docs/operations.md.")
    machine = config.machine.name
    notice = Notice("test", is_over=False, text=_TEXT, since=time.time(), machine=machine)
    failures = [*_failures(found, notice)]
    return FAILED if failures else OK


def _failures(found: dict[str, Channel], notice: Notice) -> Iterator[str]:
    for name, channel in found.items():
        try:
            channel(notice)
            show_lines([f"{name:<8} sent"])
        except NotSentError as error:
            show_lines([f"{name:<8} NOT sent: {error}"])
            yield name
