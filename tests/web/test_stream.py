"""Server-sent events."""

import asyncio

import pytest

from butler.web import stream
from butler.web.stream import EventStream, Viewers, event

SCOPE = {"type": "http", "method": "GET", "path": "/now/stream", "headers": []}


class Browser:
    """The other end of a stream: takes what is sent, and stays until it goes."""

    def __init__(self):
        self.sent = []
        self.goes = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def receive(self):
        await self.goes.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        await self.reads.wait()
        self.sent.append(message)

    @property
    def text(self):
        return b"".join(each.get("body", b"") for each in self.sent).decode()


async def forever(*texts):
    for each in texts:
        yield each
    await asyncio.Event().wait()


@pytest.fixture
def viewers():
    return Viewers()


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("a", b"data: a\n\n"),
        ("a\nb", b"data: a\ndata: b\n\n"),
        ("", b"data:\n\n"),
        ("a\r\nevent: x", b"data: a\ndata: event: x\n\n"),
        ("a\u2028id: 1", b"data: a\ndata: id: 1\n\n"),
    ],
)
def test_a_text_is_one_event_whatever_it_says(text, sent):
    assert event(text) == sent


async def test_it_ends_when_the_browser_goes(viewers):
    browser = Browser()
    streaming = asyncio.create_task(
        EventStream(forever("one", "two"), viewers)(SCOPE, browser.receive, browser.send)
    )
    async with asyncio.timeout(5):
        while "two" not in browser.text:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert viewers.count == 1

    browser.goes.set()
    await streaming

    assert viewers.count == 0
    assert browser.sent[0]["status"] == 200


async def test_who_does_not_read_is_dropped(viewers, mocker):
    mocker.patch.object(stream, "SLOW_AFTER_S", 0.01)
    browser = Browser()
    started = browser.send

    async def send(message):
        await started(message)
        browser.reads.clear()  # from the first message on

    streaming = EventStream(forever("one", "two"), viewers)
    async with asyncio.timeout(5):
        await streaming(SCOPE, browser.receive, send)

    assert viewers.count == 0
    assert "one" not in browser.text


async def test_there_is_a_limit_of_viewers(viewers, mocker):
    mocker.patch.object(stream, "MOST_VIEWERS", 0)
    browser = Browser()

    await EventStream(forever(), viewers)(SCOPE, browser.receive, browser.send)

    assert browser.sent[0]["status"] == 503
