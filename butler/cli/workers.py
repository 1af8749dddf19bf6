"""`butler workers`: list, add and remove the workers of this machine."""

import argparse
import asyncio
from dataclasses import asdict

from butler.cli.exit_status import OK
from butler.cli.json_lines import json_line
from butler.cli.output import show
from butler.config import loading


def main(options: argparse.Namespace) -> int:
    """List the workers."""
    from butler.ops.workers import line, states

    found = asyncio.run(states(loading.read(options.config)))
    if options.json:
        show("".join(f"{json_line(asdict(each))}\n" for each in found))
    elif not found:
        show("No worker is paired with this machine. Add one with: butler workers add NAME\n")
    else:
        show("".join(f"{line(each)}\n" for each in found))
    return OK


def add(options: argparse.Namespace) -> int:
    """Print the line by which a worker joins."""
    from butler.ops.workers import invite

    show(invite(loading.read(options.config), options.name))
    return OK


def remove(options: argparse.Namespace) -> int:
    """Forget a worker."""
    from butler.ops.workers import remove as removed

    show(removed(loading.read(options.config), options.name))
    return OK
