"""Publishes the metrics: by HTTP, or in a file that node_exporter reads."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from butler.config.schema import MetricsConfig
from butler.config.values import host_and_port
from butler.logs import Complaint

logger = logging.getLogger(__name__)

WRITE_EVERY_S = 15.0
RETRY_S = 60.0


@asynccontextmanager
async def publishing(config: MetricsConfig, registry: CollectorRegistry) -> AsyncIterator[None]:
    """Publish the metrics while the block runs; a failure is logged and stops nothing else."""
    works: list[Coroutine[Any, Any, None]] = []
    if config.listen is not None:
        works.append(_listen(config.listen, registry))
    if config.textfile is not None:
        works.append(_keep_writing(config.textfile, registry))
    tasks = [asyncio.create_task(each, name="metrics") for each in works]
    try:
        yield
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(address: str, registry: CollectorRegistry) -> None:
    """Serve for ever; where the port is taken, try again each minute."""
    host, port = host_and_port(address)
    complaint = Complaint(logger)
    while True:
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            complaint.begin(
                f"metrics are not served: {address}: %s; choose another `listen` in [metrics], or "
                "end what has it (tried again every minute)",
                OSError(error.strerror),
            )
            await asyncio.sleep(RETRY_S)
            continue
        logger.info("metrics: http://%s/metrics", address)
        try:
            await asyncio.Event().wait()
        finally:
            # It looks up twice a second.
            await asyncio.shield(asyncio.to_thread(server.shutdown))
            server.server_close()
            thread.join()


async def _keep_writing(path: Path, registry: CollectorRegistry) -> None:
    complaint = Complaint(logger)
    while True:
        try:
            await asyncio.to_thread(write_textfile, path, registry)
        except OSError as error:
            complaint.begin("metrics are not written: %s", error)
        else:
            complaint.end("metrics are written again")
        await asyncio.sleep(WRITE_EVERY_S)


def write_textfile(path: Path, registry: CollectorRegistry) -> None:
    """Write the metrics at once as a whole, readable for everybody, as node_exporter is.

    Raises:
        OSError: It cannot be written.
    """
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with half.open("wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(generate_latest(registry))
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
