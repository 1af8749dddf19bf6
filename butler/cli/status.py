"""`butler status`: show the state of the daemon and of its link to WhatsApp."""

import argparse

from butler.cli.exit_status import FAILED, OK
from butler.cli.json_lines import json_line
from butler.cli.output import show_lines
from butler.config import loading
from butler.ops import disk_use, report


def main(options: argparse.Namespace) -> int:
    """Print the status; fail if no daemon runs, or no account is linked.

    With ``--disk`` print the files of the data folder. With ``--healthy`` print nothing, and fail
    unless messages come in and go out.
    """
    if options.disk:
        show_lines(disk_use.lines(disk_use.disk_use(loading.read(options.config))))
        return OK
    status = report.status(options.config)
    if options.healthy:
        return OK if status.is_healthy else FAILED
    show_lines([json_line(status.fields)] if options.json else report.lines(status))
    return OK if status.is_running and status.account else FAILED
