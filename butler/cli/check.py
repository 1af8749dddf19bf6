"""`butler check`: check everything that the configuration names."""

import argparse
from collections.abc import Sequence

from butler.app import read_setup
from butler.cli.exit_status import OK, WRONG
from butler.cli.output import has_colours, show_lines
from butler.core.check_result import Finding
from butler.ops import checks

_COLOURS = {"ok": "32", "note": "33", "WRONG": "1;31"}
_MIN_WIDTH, _MAX_WIDTH = 14, 40


def main(options: argparse.Namespace) -> int:
    """Print a line for each check and their sum; return the exit status."""
    return show_findings(checks.findings(read_setup(options.config)))


def show_findings(found: Sequence[Finding]) -> int:
    """Print a line for each finding and their sum; return the exit status."""
    longest = max(len(each.subject) for each in found)
    width = min(max(longest, _MIN_WIDTH), _MAX_WIDTH)
    is_coloured = has_colours()
    lines = [_line(each, width, is_coloured=is_coloured) for each in found]
    show_lines([*lines, checks.summary(found)])
    return OK if all(each.is_fine for each in found) else WRONG


def _line(finding: Finding, width: int, *, is_coloured: bool) -> str:
    word = f"{finding.word:<5}"
    if is_coloured:
        word = f"\x1b[{_COLOURS[finding.word]}m{word}\x1b[0m"
    return f"{word}  {finding.subject:<{width}} {finding.detail}"
