"""Output of the sub-commands."""

import os
import sys
from collections.abc import Iterable


def show(text: str) -> None:
    """Print and flush ``text``: a failure at Python's exit could no longer be reported."""
    from butler.errors import TransportError

    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        _give_up_output()
        raise
    except OSError as error:
        _give_up_output()
        raise TransportError(f"The output cannot be written: {error.strerror}.") from None


def has_colours() -> bool:
    """Return whether stdout is a terminal that shows colours, and nobody asked for none."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout is not None and sys.stdout.isatty() and not is_plain


def _give_up_output() -> None:
    """Keep Python from reporting the error again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_lines(lines: Iterable[object]) -> None:
    """Print the lines at once."""
    show("".join(f"{line}\n" for line in lines))
