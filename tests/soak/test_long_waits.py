"""What takes minutes by its nature. The scenarios run side by side, each with its own stand-in."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
import pytest_asyncio

from butler.ops import report
from crash_series import Butler, eventually, link, query, write_config
from whatsapp_server import Door, Sent, WhatsAppServer

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(900),
    pytest.mark.asyncio(loop_scope="module"),
]

ONE_ROUND = (
    "import sys; from butler.transports.whatsapp.daemon import pairing; pairing.MOST_ROUNDS = 1;"
    "from butler.cli import main; sys.exit(main())"
)
MESSAGES = 20
LIMIT_S = 300
"""For what takes minutes; how long it took is printed."""
SILENCE = "WhatsApp is disconnected: WhatsApp does not answer"
SILENCE_SHOWN = "(WhatsApp does not answer)"

Scenario = Callable[[WhatsAppServer, Path], Coroutine[None, None, None]]


async def _codes_that_nobody_scans(server: WhatsAppServer, folder: Path) -> None:
    config, began = write_config(folder), time.monotonic()

    async with Butler(config, server, "pair", start=("-c", ONE_ROUND)) as butler:
        await butler.gateway()
        exit_status = await butler.process.wait()

    assert exit_status == 1
    assert 150 < time.monotonic() - began < 220
    assert butler.log.strip().endswith(
        "No code was used in time. Wait a few minutes, then: butler pair"
    )


async def _a_connection_that_falls_silent(server: WhatsAppServer, folder: Path) -> None:
    config = await _linked(server, folder)

    async with Butler(config, server, "run") as butler:
        await _answered(server, config)
        silent = time.monotonic()
        server.faults.freeze()
        sent = await _written(server)
        await eventually(lambda: SILENCE in butler.log, LIMIT_S)
        noticed_s = time.monotonic() - silent
        await eventually(lambda: SILENCE_SHOWN in _link_shown(config))
        await _all_answered_once(server, sent)
        recovered_s = time.monotonic() - silent

    print(f"frozen: noticed after {noticed_s:.0f} s, all answered after {recovered_s:.0f} s")  # noqa: T201 - shown by -rP
    assert butler.process.returncode == 0


async def _a_server_that_is_silent_for_long(server: WhatsAppServer, folder: Path) -> None:
    config = await _linked(server, folder)

    async with Butler(config, server, "run") as butler:
        await _answered(server, config)
        first = await butler.gateway()
        server.faults.shut(Door.SILENT)
        await server.wait_offline()
        sent = await _written(server)
        await eventually(lambda: "WhatsApp is disconnected" in butler.log, LIMIT_S)
        await eventually(lambda: butler.has_new_gateway(first), LIMIT_S)
        await server.faults.reopen()
        talking = time.monotonic()
        await _all_answered_once(server, sent)

    print(f"silent: all answered {time.monotonic() - talking:.0f} s after it talked again")  # noqa: T201 - shown by -rP
    assert butler.process.returncode == 0


SCENARIOS: list[Scenario] = [
    _codes_that_nobody_scans,
    _a_connection_that_falls_silent,
    _a_server_that_is_silent_for_long,
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory):
    """All scenarios, under way."""

    async def run(scenario: Scenario) -> None:
        async with WhatsAppServer() as server:
            await scenario(server, tmp_path_factory.mktemp("scenario"))

    tasks = {each: asyncio.create_task(run(each)) for each in SCENARIOS}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__.strip("_"))
async def test_after_minutes_all_is_well_with(running, scenario):
    await running[scenario]


def _link_shown(config: Path) -> str:
    """Return what ``butler status`` says of the link."""
    return next(line for line in report.lines(report.status(config)) if line.startswith("link"))


_linking = asyncio.Lock()


async def _linked(server: WhatsAppServer, folder: Path) -> Path:
    config = write_config(folder, people=[server.person("Alice")])
    async with _linking:
        await link(server, config)
    return config


async def _answered(server: WhatsAppServer, config: Path) -> None:
    await server.send_text("/help", sender=server.world.people[0])
    await server.next_reply()
    is_open = "SELECT count(*) FROM inbox WHERE state != 'done'"
    await eventually(lambda: query(config, is_open) == [(0,)])


async def _written(server: WhatsAppServer) -> list[Sent]:
    alice = server.world.people[0]
    return [await server.send_text("/use api", sender=alice) for _ in range(MESSAGES)]


async def _all_answered_once(server: WhatsAppServer, sent: list[Sent]) -> None:
    ids = [each.id for each in sent]

    def answered() -> list[str | None]:
        return [each.quoted_id for each in server.replies if each.quoted_id in ids]

    await eventually(lambda: len(answered()) >= len(ids), LIMIT_S)
    assert answered() == ids
