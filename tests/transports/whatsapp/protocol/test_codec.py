"""What the daemon and its gateway say to each other."""

import asyncio
from dataclasses import replace

import pytest

from butler.chat.message import Message, Person
from butler.transports.whatsapp import Pacing
from butler.transports.whatsapp.protocol.codec import (
    MAX_FRAME_BYTES,
    ProtocolError,
    body_of,
    decoded,
    encoded,
    joined,
    read_frame,
)
from butler.transports.whatsapp.protocol.frames import (
    Acknowledge,
    Acknowledged,
    ChatName,
    Connection,
    Ended,
    Health,
    Ignored,
    Incoming,
    Limits,
    Options,
    Ping,
    Send,
    SendAll,
)

MESSAGE = Message(
    "A1",
    "120363@g.us",
    Person("+491", "1@lid"),
    "hi \x00 ünï 😀",
    1.5,
    name="Al",
    quoted_id="Q",
    quoted_sender=Person(lid="3@lid"),
    is_forwarded=True,
    mentions=(Person(lid="2@lid"),),
)


async def _read(data):
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await read_frame(reader)


@pytest.mark.parametrize(
    "frame",
    [
        Ping(),
        Options("/data", "Butler", Limits(send_s=1), Pacing(burst=2), phone="49"),
        Options("/data", "Butler"),
        Send("k", "1@lid", "text", MESSAGE, "E1", "reply.txt"),
        Send("k", "1@lid", "lone \ud800 surrogate"),
        Incoming(7, replace(MESSAGE, text="\udc00", name="\ud83d")),
        SendAll((Send("k", "1@lid", "one", MESSAGE), Send("l", "1@lid", "two", follows="k"))),
        Incoming(7, MESSAGE),
        Ignored(None, MESSAGE, "poll", "detail"),
        Acknowledge((7, 8)),
        Connection(is_up=True),
        Health(("1@g.us",), 3, is_deaf=True, clock_ahead_s=-1.5),
        ChatName("1@g.us", "Team"),
        Ended("banned", "Sentence.", wait_s=60.0),
    ],
)
async def test_a_frame_arrives_as_it_was_sent(frame):
    assert await _read(encoded(frame)) == frame


_QUOTED = (
    b'{"id":"A1","chat_id":"120363@g.us","sender":{"phone":"+491","lid":"1@lid"},"text":"/repo",'
    b'"time":1.5,"name":"Al","is_own":false,"quoted_id":null,"quoted_sender":null,'
    b'"is_forwarded":false,"is_reaction":false,"is_to_bot":false,'
    b'"mentions":[{"phone":null,"lid":"2@lid"}]}'
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            b'["Send",{"key":"7.1","chat_id":"120363@g.us","text":"\xf0\x9f\x98\x80","answers":'
            + _QUOTED
            + b',"edits":null,"file_name":null,"follows":null}]',
            "😀",
        ),
        (
            b'["Send", {"key": "7.1", "chat_id": "120363@g.us", "text": "half \\ud83d", "answers": '
            + _QUOTED
            + b', "edits": null, "file_name": null, "follows": null}]',
            "half \ud83d",
        ),
    ],
)
def test_a_reply_that_the_version_before_kept_in_the_journal_is_read(body, text):
    quoted = Message(
        "A1",
        "120363@g.us",
        Person("+491", "1@lid"),
        "/repo",
        1.5,
        name="Al",
        mentions=(Person(lid="2@lid"),),
    )

    assert decoded(body) == Send("7.1", "120363@g.us", text, quoted)


def test_a_frame_is_the_name_of_its_type_and_its_fields():
    assert body_of(Acknowledged((7, 8))) == b'["Acknowledged",{"rows":[7,8]}]'


def test_small_frames_are_joined_and_large_ones_are_not():
    small, large = Acknowledge((7,)), ChatName("1@g.us", "x" * 100_000)

    pieces = list(joined([small, small, large, large, small]))

    assert pieces == [
        encoded(small) + encoded(small) + encoded(large),
        encoded(large),
        encoded(small),
    ]
    assert list(joined([])) == []


async def test_a_message_arrives_with_both_addresses_of_its_people():
    frame = await _read(encoded(Incoming(1, MESSAGE)))

    assert (frame.message.sender.phone, frame.message.sender.lid) == ("+491", "1@lid")


@pytest.mark.parametrize(
    "data",
    [
        (MAX_FRAME_BYTES + 1).to_bytes(4, "big"),
        b"\0\0\0\4junk",
        b'\0\0\0\x0d["Nothing",{}]'[:17],
        b'\0\0\0\x12["Acknowledge",{}]',
        b"\0\0\0\2{}",
        b'\0\0\0\x0b["Ping",[]]',
        b'\0\0\0\x1a["Acknowledge",{"rows":7}]',
        b'\0\0\0\x21["ChatName",{"chat_id":"\\ud800"}]',
        b'\0\0\0\x0d["\\ud800",{}]',
    ],
)
async def test_what_is_no_frame_is_refused(data):
    with pytest.raises(ProtocolError):
        await _read(data)


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\0\0\0\x09half"])
async def test_a_stream_that_ends_has_no_more_frames(data):
    assert await _read(data) is None
