"""A process that prints what `butler doctor` finds, an object a line; checks are not light."""

import json
import sys
from pathlib import Path

from butler.app import read_setup
from butler.errors import ButlerError
from butler.ops.doctor import diagnoses


def main() -> int:
    """Print the findings for the configuration of the command line; return the exit status."""
    try:
        found = diagnoses(read_setup(Path(sys.argv[1])))
    except ButlerError as error:
        print(json.dumps({"word": "WRONG", "subject": "configuration", "detail": str(error)}))  # noqa: T201
        return 0
    for each in found:
        finding = each.finding
        print(  # noqa: T201 - a program of its own
            json.dumps(
                {
                    "word": finding.word,
                    "subject": finding.subject,
                    "detail": finding.detail,
                    "is_curable": each.cure is not None,
                }
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
