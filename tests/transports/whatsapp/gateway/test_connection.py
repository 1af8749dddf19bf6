"""What the library's events mean for the connection, without the library."""

import asyncio

import pytest
from neonize.proto.Neonize_pb2 import (
    ConnectFailure,
    KeepAliveTimeout,
    OfflineSyncPreview,
    StreamError,
    TemporaryBan,
)

from butler.transports.whatsapp.gateway import connection, exit_reasons
from butler.transports.whatsapp.gateway.connection import ServerConnection
from butler.transports.whatsapp.gateway.events import Event
from butler.transports.whatsapp.protocol.frames import Connection, Limits
from library_events import filled
from whatsapp_daemon import eventually

UP = Connection(is_up=True)
SILENT = Connection(is_up=False, detail="WhatsApp does not answer")
LOST = Connection(is_up=False, detail="the connection was lost")
QUICK = Limits(poll_s=0.01, poll_limit_s=0.05, offline_s=0.05)


class Library:
    """Says that it is logged in, as the real one does also while the connection is silent."""

    def __init__(self):
        self.is_stuck = False
        self.questions = 0

    async def is_logged_in(self):
        self.questions += 1
        if self.is_stuck:
            await asyncio.Event().wait()
        return True


class Kept:
    """A line, and what it told."""

    def __init__(self, limits=QUICK):
        self.client = Library()
        self.posted = []
        self.ended = []
        self.line = ServerConnection(*(self.client, self.posted.append, self.ended.append, limits))

    def on(self, code, event=None):
        self.line.on_event(code, b"" if event is None else filled(event).SerializeToString())


@pytest.fixture
async def kept():
    return Kept()


async def test_a_keep_alive_that_is_not_answered_is_a_connection_that_is_down(kept):
    kept.on(Event.CONNECTED)
    kept.on(Event.KEEP_ALIVE_TIMEOUT, KeepAliveTimeout(ErrorCount=1))

    assert kept.posted == [UP, SILENT]
    assert not kept.line.is_open.is_set()

    kept.on(Event.KEEP_ALIVE_RESTORED)

    assert kept.posted == [UP, SILENT, UP]
    assert kept.line.is_open.is_set()


@pytest.mark.parametrize("code", [Event.KEEP_ALIVE_TIMEOUT, Event.DISCONNECTED])
async def test_a_silence_that_lasts_ends_the_gateway_though_the_library_calls_itself_logged_in(
    kept, code
):
    kept.on(Event.CONNECTED)
    kept.on(code)
    watching = asyncio.create_task(kept.line.watch())
    await eventually(lambda: kept.ended)
    await watching

    assert kept.ended == [exit_reasons.UNREACHABLE]
    assert not kept.line.is_open.is_set()


@pytest.mark.parametrize(
    ("silence", "recovery"),
    [
        (Event.KEEP_ALIVE_TIMEOUT, Event.KEEP_ALIVE_RESTORED),
        (Event.DISCONNECTED, Event.CONNECTED),
    ],
)
async def test_a_silence_that_ends_in_time_does_not_end_the_gateway(silence, recovery):
    kept = Kept(Limits(poll_s=0.01, offline_s=600))
    kept.on(silence)
    watching = asyncio.create_task(kept.line.watch())
    await eventually(lambda: kept.client.questions > 2)
    assert UP not in kept.posted
    kept.on(recovery)
    since = len(kept.posted)
    await eventually(lambda: len(kept.posted) > since + 2)
    watching.cancel()

    assert set(kept.posted[since:]) == {UP}
    assert kept.ended == []


async def test_a_library_that_does_not_answer_ends_the_gateway(kept):
    kept.client.is_stuck = True

    await kept.line.watch()

    assert kept.ended == [exit_reasons.STUCK]


async def test_nothing_is_sent_while_what_came_meanwhile_is_handed_over(kept):
    kept.on(Event.OFFLINE_PREVIEW, OfflineSyncPreview(Total=2))
    kept.on(Event.CONNECTED)
    assert not kept.line.is_open.is_set()
    assert not kept.line.is_settled.is_set()

    kept.on(Event.OFFLINE_COMPLETED)

    assert kept.line.is_open.is_set()
    assert kept.line.is_settled.is_set()


async def test_what_never_comes_is_not_waited_for_for_ever(kept, monkeypatch):
    monkeypatch.setattr(connection, "CATCH_UP_LIMIT_S", 0.01)
    kept.on(Event.OFFLINE_PREVIEW, OfflineSyncPreview(Total=1))
    await eventually(kept.line.is_settled.is_set)

    assert kept.line.is_open.is_set()


async def test_an_empty_queue_holds_nothing_up(kept):
    kept.on(Event.OFFLINE_PREVIEW, OfflineSyncPreview(Total=0))

    assert kept.line.is_settled.is_set()


async def test_a_stream_error_is_logged_with_its_code(kept, caplog):
    kept.on(Event.STREAM_ERROR, StreamError(Code="515"))

    assert caplog.messages == ["stream error 515"]


@pytest.mark.parametrize(
    ("code", "event", "rule"),
    [
        (Event.LOGGED_OUT, None, "logged out"),
        (Event.REPLACED, None, "replaced"),
        (Event.OUTDATED, None, "outdated"),
        (Event.BANNED, TemporaryBan(Code=TemporaryBan.BLOCKED_BY_USERS, Expire=60), "banned"),
        (Event.CONNECT_FAILURE, ConnectFailure(), "refused"),
    ],
)
async def test_the_first_verdict_stands(kept, monkeypatch, code, event, rule):
    monkeypatch.setattr(connection, "_DELETION_S", 0.0)
    kept.on(code, event)
    kept.on(Event.REPLACED)
    await eventually(lambda: len(kept.ended) == 2)

    assert {each.rule for each in kept.ended} == {rule}
