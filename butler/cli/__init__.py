"""The command line; each sub-command is imported only when it runs."""

import sys
from collections.abc import Sequence
from io import TextIOWrapper

from butler.cli.exit_status import FAILED, WRONG
from butler.cli.parser import make_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command that ``arguments`` name and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Names of folders may be invalid text.
            stream.reconfigure(errors="backslashreplace")
    options = make_parser().parse_args(arguments)
    from butler.errors import ButlerError, ConfigError, LastingError, PluginError
    from butler.sessions import StoreError

    try:
        status: int = options.command(options)
    except (ConfigError, PluginError, LastingError) as error:
        return _complain(str(error), WRONG)
    except StoreError as error:
        return _complain(str(error), WRONG if error.is_lasting else FAILED)
    except ButlerError as error:
        return _complain(str(error), FAILED)
    except (KeyboardInterrupt, BrokenPipeError):
        return FAILED
    return status


def _complain(sentence: str, status: int) -> int:
    print(sentence, file=sys.stderr)
    return status
