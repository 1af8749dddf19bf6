"""The figures of messages and runs, from a bot whose chat and records are measured."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from butler.app import open_bot, read_setup
from butler.core.meter import Meter
from butler.errors import TransportError
from butler.ops.metrics.messages import MeasuredRecords, MeasuredTransport, MessageFigures
from butler.ops.metrics.prometheus import PrometheusMeter
from butler.records.model import MemoryRecords
from butler.testing import OWNER, FakeTransport, make_working_copy
from butler.testing.fixtures import Chat
from whatsapp_daemon import eventually


@pytest.fixture
def butler_toml(tmp_path):
    make_working_copy(tmp_path / "api")
    return f"""
        data_dir = "{tmp_path}/data"
        repos.api.path = "{tmp_path}/api"
        access.owners = ["{OWNER}"]
        access.chats = ["team@g.us"]
        [plugins.run]
        sandbox = "off"
        agent = "shout"
        max_runs = 1
        [plugins.run.agents.shout]
        kind = "command"
        command = ["tr", "a-z", "A-Z"]
        [plugins.run.agents.false]
        kind = "command"
        command = ["false"]
    """


class Failing(FakeTransport):
    """A transport that sends nothing while it is told so."""

    failure = None

    async def send(self, chat_id, reply):
        if self.failure is not None:
            raise self.failure
        return await super().send(chat_id, reply)


class Measured:
    """A chat, and the figures of its bot."""

    def __init__(self, chat, meter):
        self.chat, self._registry = chat, meter.registry

    @property
    def stranger(self):
        return self.chat.person("4711@lid").chat("4711@lid")

    def value(self, name, **labels):
        return self._registry.get_sample_value(f"butler_{name}", labels)


@asynccontextmanager
async def _measured(path):
    meter = PrometheusMeter()
    figures = MessageFigures(meter)
    inner, records = Failing(), MemoryRecords()
    setup = replace(read_setup(path), meter=meter)
    transport = MeasuredTransport(inner, figures)
    measured_records = MeasuredRecords(records, figures)
    async with open_bot(setup, transport, measured_records) as bot, asyncio.TaskGroup() as group:
        serving = group.create_task(bot.serve())
        try:
            yield Measured(Chat(inner, records, bot), meter)
        finally:
            inner.close()
            async with asyncio.timeout(20):
                await asyncio.wait([serving])


@pytest.fixture
async def measured(butler_toml, tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    async with _measured(path) as measured:
        yield measured


async def test_each_message_counts_once_by_what_came_of_it(measured):
    await measured.chat("/use api")
    await measured.chat("/use nothing")
    await measured.chat("/run shout this")
    await measured.chat("hello")
    await measured.stranger("/repos")
    await eventually(lambda: measured.value("run_ended_total", agent="shout", end="done"))

    counts = {
        (fate, rule): measured.value("messages_total", fate=fate, rule=rule)
        for fate, rule in [
            ("done", ""),
            ("refused", ""),
            ("ignored", "not a command"),
            ("ignored", "not allowed"),
        ]
    }
    assert counts == {
        ("done", ""): 2,
        ("refused", ""): 1,
        ("ignored", "not a command"): 1,
        ("ignored", "not allowed"): 1,
    }


async def test_turns_and_first_answers_are_measured_and_ignored_messages_are_not(measured):
    await measured.chat("/use api")
    await measured.stranger("/repos")

    assert measured.value("turn_seconds_count") == 1
    assert measured.value("round_trip_seconds_count") == 1


async def test_what_was_not_sent_counts_by_its_kind(measured):
    measured.chat.transport.failure = TransportError("WhatsApp rejected a reply.", "refused")
    await measured.chat("/use api")

    assert measured.value("send_errors_total", kind="refused") == 1
    assert measured.value("round_trip_seconds_count") == 0
    assert measured.value("messages_total", fate="done", rule="") == 1


async def test_runs_count_by_agent_and_end(measured):
    await measured.chat("/use api")
    await measured.chat("/run shout this")
    await eventually(lambda: measured.value("run_ended_total", agent="shout", end="done"))
    await measured.chat("/agent false")
    await measured.chat("/run this")
    await eventually(lambda: measured.value("run_ended_total", agent="false", end="failed"))

    assert measured.value("run_wait_seconds_count") == 2
    assert measured.value("run_seconds_count", agent="shout") == 1
    assert measured.value("run_cost_usd_total", agent="shout") == 0
    assert (measured.value("run_waiting"), measured.value("run_active")) == (0, 0)


async def test_no_label_holds_a_chat_a_person_or_a_repo(measured):
    await measured.chat("/use api")
    await measured.chat("/run shout this")
    await measured.stranger("/repos")
    await eventually(lambda: measured.value("run_ended_total", agent="shout", end="done"))

    labels = {
        json.dumps(sample.labels)
        for metric in measured._registry.collect()
        for sample in metric.samples
    }
    assert not [each for each in labels if any(word in each for word in ("@", "4711", "api"))]


async def test_a_bot_that_nobody_measures_counts_nothing():
    meter = Meter()

    meter.counter("x", "X.", ("y",))("z", amount=2)
    meter.histogram("x_seconds", "X.")(1.0)
    meter.gauge("g", "G.", lambda: 1 / 0)

    assert meter.within("run") is meter
