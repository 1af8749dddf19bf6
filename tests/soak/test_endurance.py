"""Twenty thousand messages: none is lost or answered twice, and nothing grows without limit."""

import asyncio
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from crash_series import CHATS, Butler, eventually, link, query, write_config
from whatsapp_server import Group, Person, WhatsAppServer
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

MESSAGES = int(os.environ.get("ENDURANCE_MESSAGES") or 20_000)
LOOKS = 4
IN_FLIGHT = 100
MOST_GROWTH = 1.15
"""Of the memory between the first look, by when all chats are known, and the last."""

MOST_BYTES_A_MESSAGE = 700
"""For what is kept for its time: keys of messages for 30 days, the audit up to ``max_mb``."""

LOG_BYTES = 5_000_000
"""A write-ahead log is begun again from time to time, so its size says nothing."""


def memory_mb(process_id: int) -> float:
    """Return the memory that a process holds."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


class Endurance:
    """Writes to many chats, with a bounded number of messages that are not answered yet."""

    def __init__(self, server: WhatsAppServer, folder: Path) -> None:
        self._server = server
        people = [server.person(f"Person {number}") for number in range(CHATS // 2)]
        groups = [server.group(f"Group {number}", [each]) for number, each in enumerate(people)]
        self._chats: list[tuple[Person, Person | Group]] = [
            *((person, person) for person in people),
            *((group.members[0], group) for group in groups),
        ]
        self.config = write_config(folder, groups, people)
        self._data = folder / "data"
        self.sent: list[str] = []

    async def write(self, count: int) -> None:
        """Write so many, and wait until they are answered."""
        for _ in range(count):
            sender, chat = self._chats[len(self.sent) % CHATS]
            text = f"/use {('api', 'web')[len(self.sent) // CHATS % 2]}"
            sent = await self._server.send_text(text, sender=sender, chat=chat)
            self.sent.append(sent.id)
            while len(self.sent) - len(self._server.replies) > IN_FLIGHT:  # noqa: ASYNC110 - the server sets no event
                await asyncio.sleep(0.005)
        await eventually(lambda: len(self._server.replies) + self.unknown >= len(self.sent), 120)

    @property
    def unknown(self) -> int:
        """How many replies are marked as unknown, as their acknowledgement did not come in time."""
        marked = "SELECT count(*) FROM outbox WHERE state = 'unknown'"
        return query(self.config, marked)[0][0]

    def sizes(self) -> dict[str, int]:
        """Return the sizes of the files of the data folder."""
        return {
            str(path.relative_to(self._data)): path.stat().st_size
            for path in sorted(self._data.rglob("*"))
            if path.is_file()
        }


async def test_twenty_thousand_messages_leave_memory_and_files_bounded(whatsapp_server, tmp_path):
    endurance = Endurance(whatsapp_server, tmp_path)
    await link(whatsapp_server, endurance.config)
    memory: list[tuple[float, float]] = []
    sizes: list[dict[str, int]] = []
    began = time.monotonic()

    async with Butler(endurance.config, whatsapp_server, "run") as butler:
        await whatsapp_server.wait_online()
        for _ in range(LOOKS):
            await endurance.write(MESSAGES // LOOKS)
            gateway = await butler.gateway()
            memory.append((memory_mb(butler.process.pid), memory_mb(gateway)))
            sizes.append(endurance.sizes())
        elapsed_s = time.monotonic() - began
        is_open = "SELECT count(*) FROM inbox WHERE state NOT IN ('done', 'without effect')"
        await eventually(lambda: query(endurance.config, is_open) == [(0,)])

    unknown = endurance.unknown
    print(f"{len(endurance.sent):,} messages in {elapsed_s:.0f} s, {unknown} unknown")  # noqa: T201 - shown by -rP
    print("memory, daemon and gateway:", [f"{one:.0f} + {two:.0f} MB" for one, two in memory])  # noqa: T201
    for name in sizes[-1]:
        print(name, [f"{each.get(name, 0) / 1000:,.0f} kB" for each in sizes])  # noqa: T201
    answers = Counter(each.quoted_id for each in whatsapp_server.replies)
    assert len(set(endurance.sent) - answers.keys()) <= unknown
    assert set(answers.values()) == {1}
    for first, last in zip(memory[0], memory[-1], strict=True):
        assert last < first * MOST_GROWTH
    for name, size in sizes[-1].items():
        grown = size - sizes[0].get(name, 0)
        assert grown < (LOG_BYTES if name.endswith("-wal") else MESSAGES * MOST_BYTES_A_MESSAGE)
    assert butler.process.returncode == 0
    assert "Traceback" not in butler.log
