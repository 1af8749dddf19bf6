"""Events that the library has confirmed while the journal cannot be written."""

import asyncio
import threading

import pytest

from butler.transports.whatsapp.gateway import held_events
from butler.transports.whatsapp.gateway.held_events import HeldEvents
from butler.transports.whatsapp.journal.database import UnwritableError
from whatsapp_daemon import eventually


class Store:
    """Takes events, unless it is locked."""

    def __init__(self):
        self.events = []
        self.is_locked = False

    def write(self, raw):
        if self.is_locked:
            raise UnwritableError("not now")
        self.events.append(raw)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def over():
    return []


@pytest.fixture
async def held(store, over, monkeypatch):
    monkeypatch.setattr(held_events, "RETRY_S", 0.01)
    held = HeldEvents(store.write, asyncio.get_running_loop(), lambda: over.append(1))
    writing = asyncio.create_task(held.write())
    yield held
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)


def _kept_by_library(held, *events):
    for each in events:
        library = threading.Thread(target=held.keep, args=(each,))
        library.start()
        library.join()


async def test_an_event_is_stored_on_the_librarys_thread(held, store):
    _kept_by_library(held, b"1")

    assert store.events == [b"1"]
    assert held.is_empty.is_set()
    assert not held


async def test_events_are_held_in_order_until_the_journal_can_be_written(held, store, over):
    store.is_locked = True
    _kept_by_library(held, b"1", b"2")
    await eventually(lambda: not held.is_empty.is_set())
    store.is_locked = False
    _kept_by_library(held, b"3")
    await held.is_empty.wait()

    assert store.events == [b"1", b"2", b"3"]
    assert over == []


async def test_when_events_are_held_for_too_long_the_gateway_is_asked_to_end(
    held, store, over, monkeypatch
):
    monkeypatch.setattr(held_events, "PATIENCE_S", 0.0)
    store.is_locked = True
    _kept_by_library(held, b"1")
    await eventually(lambda: over)
    assert len(held) == 1

    store.is_locked = False
    await held.is_empty.wait()

    assert store.events == [b"1"]
