"""Searches a long text for secrets in a process of its own.

A search holds up everything else in its process, for a tenth of a second per million characters.
The process reads a line of JSON, whether to clean the text and the values to hide, and the text.
"""

import json
import logging
import subprocess
import sys
from collections.abc import Iterable

logger = logging.getLogger(__name__)

LIMIT_S = 30.0
LEFT_OUT = "(This text could not be searched for secrets in time, so it is left out.)"


def searched_apart(text: str, values: Iterable[str], *, is_to_clean: bool) -> str:
    """Return ``text`` without secrets, or a sentence if that takes too long; blocking."""
    head = json.dumps([is_to_clean, sorted(values)])
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", __name__],
            input=f"{head}\n{text}".encode(errors="surrogatepass"),
            capture_output=True,
            timeout=LIMIT_S,
            check=True,
            env={},
        )
    except (OSError, subprocess.SubprocessError) as error:
        logger.error("a text of %d characters was not searched: %s", len(text), type(error))
        return LEFT_OUT
    return done.stdout.decode(errors="surrogatepass")


def main() -> None:
    """Read a text from stdin and write it without secrets to stdout."""
    from butler_run.text.markdown import clean
    from butler_run.text.redaction import Redactor

    head, _, text = sys.stdin.buffer.read().decode(errors="surrogatepass").partition("\n")
    is_to_clean, values = json.loads(head)
    searched = Redactor(values).searched(clean(text) if is_to_clean else text)
    sys.stdout.buffer.write(searched.encode(errors="surrogatepass"))


if __name__ == "__main__":
    main()
