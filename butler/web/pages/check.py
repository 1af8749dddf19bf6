"""Check: what `butler doctor` says."""

import asyncio
import json
import sys
import time

from starlette.requests import Request
from starlette.responses import Response

from butler.errors import DataError
from butler.web.panel import page, panel_of

LIMIT_S = 60.0


async def page_check(request: Request) -> Response:
    """Run all checks, and show them with what is wrong first."""
    path = panel_of(request).config_path
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "butler.web.findings", str(path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate()
    except TimeoutError:
        raise DataError(f"The checks were not over within {LIMIT_S:g} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise DataError(f"The checks failed: {err.decode(errors='replace').strip()}")
    found = [json.loads(line) for line in out.splitlines()]
    order = ("WRONG", "note", "ok")
    found.sort(key=lambda each: order.index(each["word"]))
    return page(request, "check.html", found=found, now=time.time())
