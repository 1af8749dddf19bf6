"""The panel's process next to the daemon, where ``[panel]`` asks for it."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

END_LIMIT_S = 3.0


@asynccontextmanager
async def panel_running(config_path: Path, *, is_wanted: bool) -> AsyncIterator[None]:
    """Run the panel while the block runs; the daemon does not depend on it.

    Its link is not printed, as it would let in whoever reads the log: `butler panel` prints one.

    Args:
        config_path: The configuration file.
        is_wanted: Whether to run it at all.
    """
    if not is_wanted:
        yield
        return
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "butler", "panel", "--no-browser"),
        *("--config", str(config_path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    watching = asyncio.create_task(_watch(process), name="panel")
    logger.info("The panel runs. For its link: butler panel")
    try:
        yield
    finally:
        watching.cancel()
        await _end(process)


async def _watch(process: asyncio.subprocess.Process) -> None:
    status = await process.wait()
    if status:
        logger.error("the panel has ended with status %d; start it with: butler panel", status)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(END_LIMIT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
