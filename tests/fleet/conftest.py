"""A hub and workers on one machine, each a real bot, with a real Valkey between them."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from butler.app import read_setup
from butler.core.bot import Bot
from butler.fleet.keys import HubKeys, WorkerKeys, fleet_folder
from butler.fleet.worker import WorkerTransport
from butler.ops.fleet import hub_side, open_broker
from butler.ops.worker import at_work
from butler.records.model import MemoryRecords
from butler.testing import OWNER, FakeTransport, make_working_copy
from butler.testing.agents import scripted_agent
from butler.testing.fixtures import Chat
from butler_process import PATIENCE_S
from redis_servers import Server

HUB = "server"


@pytest.fixture(scope="session")
def valkey(tmp_path_factory):
    """A server for all tests; each has a name of its own in it."""
    server = Server(tmp_path_factory.mktemp("valkey"), "appendonly yes").start()
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def quick_answers(mocker):
    """Let questions be answered at once, as nobody has to read them."""
    mocker.patch("butler_run.permissions.questions.HASTE_S", -60.0)


@dataclass
class Worker:
    """A worker in this process."""

    name: str
    folder: object
    bot: Bot
    transport: WorkerTransport
    records: MemoryRecords
    stack: AsyncExitStack

    async def stop(self):
        """End it as a signal does."""
        self.transport.call_last()
        self.bot.stop()
        await self.stack.aclose()


class Fleet:
    """A hub with a chat, and workers that are started by name.

    Attributes:
        server: The Valkey.
        chat: An owner in a group with the hub's bot.
    """

    def __init__(self, folder, server, name=HUB):
        self.folder = folder
        self.name = name
        self.server = server
        self.hub_stack = AsyncExitStack()
        self.workers = {}
        self.redis_name = f"t{abs(hash(str(folder))) % 10**9}"

    def config(self, machine, repos, more=""):
        """Write the configuration of a machine with these repos; return its path."""
        home = self.folder / machine
        home.mkdir(exist_ok=True)
        for repo in repos:
            if not (home / repo).exists():
                make_working_copy(home / repo)
        command = scripted_agent("acp", home, {"turns": [[{"say": f"Done on {machine}."}]]})
        tables = "".join(f'repos.{each}.path = "{home}/{each}"\n' for each in repos)
        path = home / "butler.toml"
        path.write_text(
            f'data_dir = "{home}/data"\nmachine.name = "{machine}"\n{more}{tables}'
            f'[redis]\nurl = "{self.server.url}"\nname = "{self.redis_name}"\n'
            f'[access]\nowners = ["{OWNER}"]\nchats = ["team@g.us", "other@g.us"]\n'
            '[plugins.run]\nsandbox = "off"\nagent = "scripted"\n'
            f"[plugins.run.agents.scripted]\ncommand = {json.dumps(command)}\n"
        )
        path.chmod(0o600)
        return path

    def another(self, name):
        """Return another hub for the same workers, in the same Redis; not started yet."""
        other = Fleet(self.folder, self.server, name)
        other.redis_name = self.redis_name
        return other

    def pair(self, worker):
        """Pair a worker with the hub, as the two halves of the exchange do."""
        key = f"key of {worker}".encode().ljust(32, b".")
        keys = WorkerKeys(fleet_folder(self.folder / self.name / "data"))
        keys.invite(worker, b"secret")
        keys.pair(worker, b"secret", key)
        HubKeys(fleet_folder(self.folder / worker / "data")).pair(worker, self.name, key)

    async def start_hub(self, *repos, more=""):
        """Start the hub."""
        setup = read_setup(self.config(self.name, repos, more))
        transport, records = FakeTransport(), MemoryRecords()
        from butler.app import open_bot

        stack = self.hub_stack
        side = stack.enter_context(hub_side(setup))
        bot = await stack.enter_async_context(open_bot(setup, transport, records, side=side))
        self.serving = asyncio.create_task(bot.serve())
        stack.push_async_callback(self._end_hub, transport)
        self.chat = Chat(transport, records, bot)
        self.bot = bot
        return self.chat

    async def restart_hub(self, *repos):
        """End the hub and start another one in its folder; its chat is another object."""
        await self.hub_stack.aclose()
        self.hub_stack = AsyncExitStack()
        await self.start_hub(*repos)
        for name in self.workers:
            await self.online(name)

    async def _end_hub(self, transport):
        transport.close()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([self.serving])

    async def start_worker(self, name, *repos, more="", is_paired=False):
        """Start a worker, and wait until the hub knows that it is there."""
        from butler.app import open_bot

        path = self.config(name, repos, more)
        if not is_paired and name not in self.workers:
            self.pair(name)
        setup = read_setup(path)
        stack = AsyncExitStack()
        broker = await stack.enter_async_context(open_broker(setup.config))
        keys = HubKeys(fleet_folder(self.folder / name / "data"))
        records = MemoryRecords()
        work = at_work(setup, name, broker, keys, records)
        setup, transport, records_of_hub, side = await stack.enter_async_context(work)
        bot = await stack.enter_async_context(open_bot(setup, transport, records_of_hub, side=side))
        serving = asyncio.create_task(bot.serve())
        stack.push_async_callback(_stopped, bot, transport, serving)
        self.workers[name] = Worker(name, self.folder / name, bot, transport, records, stack)
        if hasattr(self, "chat"):
            await self.online(name)
        return self.workers[name]

    @property
    def hub(self):
        """The hub as its bot sees it."""
        return self.bot._services.fleet

    async def online(self, name, *, is_online=True):
        """Wait until the hub takes a worker for there, or for away."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                member = self.hub._directory.get(name)
                if member is not None and member.is_online is is_online:
                    return
                await asyncio.sleep(0.02)

    async def aclose(self):
        """End everything, workers first."""
        for worker in self.workers.values():
            await worker.stack.aclose()
        await self.hub_stack.aclose()


async def _stopped(bot, transport, serving):
    transport.call_last()
    bot.stop()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.wait([serving])


@pytest_asyncio.fixture
async def fleet(tmp_path, valkey):
    """A hub and workers, not started yet."""
    fleet = Fleet(tmp_path, valkey)
    try:
        yield fleet
    finally:
        await fleet.aclose()


@pytest_asyncio.fixture
async def two(fleet):
    """A hub with the repo infra, and the worker laptop with web and api."""
    await fleet.start_hub("infra")
    await fleet.start_worker("laptop", "web", "api")
    return fleet


@pytest.fixture
def wait_for():
    """Return the first message to a chat, behind a position, that has a text in it."""

    async def waited(chat, text, after=0):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for each in chat.transport.sent[after:]:
                    if each.chat_id == chat.chat_id and text in each.reply.text:
                        return each
                await chat.next_reply()

    return waited


@pytest.fixture
def run_in(two, wait_for):
    """Start a run in a repo; return the first message after that that has a text in it."""

    async def started(repo, text):
        before = len(two.chat.transport.sent)
        await two.chat(f"/use {repo}")
        await two.chat("/run make it")
        return await wait_for(two.chat, text, before)

    return started


@pytest.fixture
def script(tmp_path):
    """Set what the agent of a machine does in its next run, or in its next prompts."""

    def scripted(machine, *steps, prompts=None, **keys):
        path = tmp_path / machine / "acp-script.json"
        path.write_text(json.dumps({"turns": prompts or [list(steps)], **keys}))

    return scripted
