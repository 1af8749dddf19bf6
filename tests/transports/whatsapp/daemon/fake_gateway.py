"""A gateway that does what its scenario says, for the daemon's side of the private protocol."""

import asyncio
import os
import signal
import socket
import sys
import time

from butler.chat.message import Message, Person
from butler.transports.whatsapp.protocol.codec import encoded, read_frame
from butler.transports.whatsapp.protocol.frames import (
    UNANSWERED,
    WITHDRAWN,
    Acknowledge,
    Acknowledged,
    Connection,
    Ended,
    Health,
    Ignored,
    Incoming,
    Linked,
    Ping,
    Pong,
    Qr,
    Send,
    Sent,
)


def _message(row: int, text: str) -> Incoming:
    person = Person(lid=f"{row}@lid")
    return Incoming(row, Message(f"A{row}", f"{row}@lid", person, text, time.time()))


FRAMES = {
    "timeout": (Qr("code"), Ended("timeout", "The code was not used in time.")),
    "linked": (Qr("code"), Linked()),
    "again": (_message(1, "one"), _message(1, "one"), _message(2, "two")),
    "withdrawn": (
        _message(1, "one"),
        Ignored(1, _message(1, "").message, WITHDRAWN.rule, WITHDRAWN.detail),
    ),
    "commands": (_message(1, "/one"), _message(2, "/two")),
    "ails": (Connection(is_up=True), Health(("1@g.us",), 7, is_deaf=True)),
    "unanswered": (Ended(UNANSWERED, "Not acknowledged."),),
    "final": (Ended("final", "Final.", is_final=True),),
}
PRINTED = "WARNING library: a line\nPress Ctrl+C to exit\n" + "panic: x\n" * 300 + "rest"


async def serve(scenario: str, descriptor: int) -> None:
    """Play the scenario; those that end by themselves close the socket."""
    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=descriptor))
    await read_frame(reader)
    match scenario:
        case "aborts":
            os.abort()
        case "babbles":
            writer.write(b"\0\0\0\4junk")
        case "hangs":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            await asyncio.sleep(60)
        case "chats":
            os.write(1, PRINTED.encode())
    for frame in (*FRAMES.get(scenario, ()), Connection(is_up=True)):
        writer.write(encoded(frame))
    await writer.drain()
    if scenario not in ("dies", "chats", "timeout", "final", "unanswered"):
        await _answer(reader, writer)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while (frame := await read_frame(reader)) is not None:
        match frame:
            case Ping():
                writer.write(encoded(Pong()))
            case Acknowledge():
                writer.write(encoded(Acknowledged(frame.rows)))
            case Send():
                quoted = frame.answers.id if frame.answers else None
                os.write(1, f"{frame.key} to {quoted}: {frame.text}\n".encode())
                writer.write(encoded(Sent(frame.key, f"id of {frame.key}")))


asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
