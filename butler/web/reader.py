"""A process that reads the plugins' files for the panel while the daemon does not run.

It opens nothing for writing, does nothing, and ends with the panel.
"""

import asyncio
import sys
from pathlib import Path

from butler.app import read_setup
from butler.errors import ButlerError, UserError
from butler.ops.control import answering
from butler.ops.door import Door

READY = "ready"


async def serve(config_path: Path) -> None:
    """Answer on the control socket until stdin is closed."""
    setup = read_setup(config_path)
    for name, plugin in setup.plugins.items():
        setup.introduce(plugin, name)
    async with answering(setup.config.data_dir, _nothing, Door(setup.plugins.values())):
        print(READY, flush=True)  # noqa: T201 - the panel waits for it
        await asyncio.to_thread(sys.stdin.read)


async def _nothing(_plugin: str, _text: str) -> str:
    raise UserError("Butler does not run, so there is nobody to ask.")


def main() -> int:
    """Serve with the configuration of the command line; return the exit status."""
    try:
        asyncio.run(serve(Path(sys.argv[1])))
    except ButlerError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program of its own
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
