"""The gateway's service, from its first connection to its end."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVarTuple

from neonize.exc import NeonizeError

from butler.errors import DataError
from butler.transports.whatsapp.account import Account
from butler.transports.whatsapp.gateway import exit_reasons
from butler.transports.whatsapp.gateway.asking_again import time_to_ask
from butler.transports.whatsapp.gateway.client import Client
from butler.transports.whatsapp.gateway.connection import ServerConnection
from butler.transports.whatsapp.gateway.disk_space import DiskSpace, unusable, unwritable
from butler.transports.whatsapp.gateway.events import Event
from butler.transports.whatsapp.gateway.group_names import GroupNames
from butler.transports.whatsapp.gateway.health import HealthReport
from butler.transports.whatsapp.gateway.held_events import HeldEvents
from butler.transports.whatsapp.gateway.media import Media, MediaFolder
from butler.transports.whatsapp.gateway.pacing import Pacer
from butler.transports.whatsapp.gateway.pairing import Pairing
from butler.transports.whatsapp.gateway.receiving import Receiver
from butler.transports.whatsapp.gateway.send_errors import GatewayEnd
from butler.transports.whatsapp.gateway.sending import Sender
from butler.transports.whatsapp.gateway.server_clock import ServerClock
from butler.transports.whatsapp.gateway.storage_guard import StorageGuard
from butler.transports.whatsapp.gateway.translation import Translator
from butler.transports.whatsapp.gateway.undecryptable import UndecryptableMessages
from butler.transports.whatsapp.gateway.upkeep import Upkeep
from butler.transports.whatsapp.journal.database import Journal
from butler.transports.whatsapp.protocol.codec import encoded, joined, read_frame
from butler.transports.whatsapp.protocol.frames import (
    Acknowledge,
    Connection,
    Ended,
    Fetch,
    Frame,
    LastCall,
    Linked,
    Options,
    Ping,
    Pong,
    Retract,
    Send,
    SendAll,
    ToDaemon,
    Typing,
)

logger = logging.getLogger(__name__)

TYPING_LIMIT_S = 5.0
Ts = TypeVarTuple("Ts")


class Service:
    """Serves one account and its daemon over one connection."""

    def __init__(
        self,
        options: Options,
        journal: Journal,
        account: Account | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._options = options
        self._journal = journal
        self._account = account
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._typing: asyncio.Queue[Typing] = asyncio.Queue()
        self._end: asyncio.Future[Ended | None] = self._loop.create_future()
        self._stalled: asyncio.Future[Ended] = self._loop.create_future()
        guard = StorageGuard(
            Path(options.folder),
            lambda ended: self._on_loop(self._stall, ended),
            is_stalled=self._stalled.done,
        )
        self._client = Client(
            Path(options.folder),
            options.device_name,
            on_event=self._on_event,
            on_login_status=lambda status: self._on_loop(self._pairing.on_status, status),
            on_qr=self._on_qr,
            on_log=guard.on_log,
        )
        self._pairing = Pairing(options.phone, self._post, self._finish)
        self._health = HealthReport(self._post)
        self._connection = ServerConnection(
            *(self._client, self._post, self._finish, options.limits),
            is_busy=lambda: self._sender.is_busy,
        )
        self._disk_space = DiskSpace(Path(options.folder), self._stall)
        clock = ServerClock(lambda ahead_s: self._health.update(clock_ahead_s=ahead_s))
        self._receiver = Receiver(
            *(journal, self._tell, self._connection.is_settled, self._loop), clock.note
        )
        self._held = HeldEvents(self._receiver.keep, self._loop, self._stall_for_journal)
        media_folder = MediaFolder(Path(options.media_folder), options.max_file_bytes)
        self._media = Media(journal.inbox, media_folder, self._post)
        self._upkeep = Upkeep(journal, Path(options.folder))
        self._undecryptable = UndecryptableMessages(
            *(journal.inbox, self._tell, options.limits.repair_s), self._report_undecryptable
        )
        self._group_names = GroupNames(self._client, journal, self._tell, self._connection.is_open)
        self._sender = Sender(
            self._client,
            journal,
            self._tell,
            self._connection.is_open,
            options.limits.send_s,
            Pacer(options.pacing),
            self._group_names.want,
            self._group_names.learnt,
            self._report_set_aside,
        )

    async def run(self) -> Ended | None:
        """Serve until there is an exit reason; return it, or None if the daemon asks to stop."""
        if self._account is None and not self._options.is_pairing:
            return exit_reasons.NOT_LINKED
        self._loop.add_signal_handler(signal.SIGTERM, self._finish, None)
        if not (self._options.is_pairing or self._options.is_unlinking):
            await self._sender.resume()
        self._report_set_aside()
        tasks = [asyncio.create_task(self._guarded(work)) for work in self._work()]
        ended = await self._end
        for task in tasks:
            task.cancel()
        # With a folder that cannot be written to, each moment costs messages.
        if ended != exit_reasons.STUCK and not self._stalled.done():
            await self._connection.close()
        return ended

    def _work(self) -> list[Awaitable[None]]:
        common = [self._listen(), self._connection.hold(), self._upkeep.prune()]
        if self._account is None or self._options.is_pairing or self._options.is_unlinking:
            return [*common, *([self._unlink()] if self._options.is_unlinking else [])]
        translator = Translator(self._account, self._journal.people, self._journal.outbox)
        return [
            *common,
            self._connection.watch(),
            self._disk_space.watch(),
            self._held.write(),
            self._end_stalled(),
            self._upkeep.prune_secrets(),
            self._show_typing(),
            self._receiver.finish_turns(),
            self._sender.pace(),
            self._sender.send_all(),
            self._receiver.hand_over(translator),
            self._undecryptable.report(translator),
            self._group_names.learn(),
        ]

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except GatewayEnd as end:
            self._finish(end.ended)
        except DataError as error:
            self._finish(unusable(error))
        except Exception:  # the boundary of the gateway's tasks: a bug must end it, not silence it
            logger.exception("the gateway failed")
            self._finish(exit_reasons.PUMP_ENDED)

    async def _unlink(self) -> None:
        await self._connection.is_open.wait()
        try:
            await self._client.log_out()
        except NeonizeError as error:
            self._finish(exit_reasons.not_logged_out(str(error)))
        else:
            self._finish(exit_reasons.LOGGED_OUT)

    def _report_set_aside(self) -> None:
        self._health.update(set_aside=self._journal.set_aside.chats)

    def _report_undecryptable(self, count: int, is_deaf: bool) -> None:  # noqa: FBT001 - of a callback
        self._health.update(undecryptable=count, is_deaf=is_deaf)

    def _finish(self, ended: Ended | None) -> None:
        if self._held and ended is not None:
            logger.warning(
                "%d messages are in memory only; waiting for the journal", len(self._held)
            )
            self._stall(ended)
        elif not self._end.done():
            self._end.set_result(ended)

    def _stall(self, ended: Ended) -> None:
        """Take nothing more from WhatsApp, and end once no message is in memory only."""
        if not self._stalled.done():
            self._stalled.set_result(ended)

    def _stall_for_journal(self) -> None:
        self._stall(unwritable(f"The journal in {self._options.folder} cannot be written"))

    async def _end_stalled(self) -> None:
        ended = await self._stalled
        await time_to_ask(self._client.is_logged_in)
        if self._held:
            self._connection.is_open.clear()
            self._post(Connection(is_up=False, detail=ended.sentence))
            await self._connection.close()
            await self._held.is_empty.wait()
        self._finish(ended)

    # From the daemon

    async def _listen(self) -> None:
        while (frame := await read_frame(self._reader)) is not None:
            self._take(frame)
        self._finish(None)

    def _take(self, frame: Frame) -> None:
        match frame:
            case Ping():
                self._post(Pong())
                self._health.update(acknowledged_in_s=self._sender.acknowledged_in_s)
            case Send():
                self._sender.ask(frame)
            case SendAll():
                self._sender.ask(*frame.parts)
            case Retract():
                self._sender.retract(frame.key)
            case LastCall():
                self._sender.call_last()
            case Acknowledge():
                self._receiver.acknowledge(frame)
            case Fetch():
                self._media.ask(frame)
            case Typing() if self._connection.is_open.is_set():
                self._typing.put_nowait(frame)

    async def _show_typing(self) -> None:
        while True:
            frame = await self._typing.get()
            with suppress(NeonizeError, TimeoutError):  # decoration: not worth a line in the log
                async with asyncio.timeout(TYPING_LIMIT_S):
                    await self._client.show_typing(frame.chat_id, is_typing=frame.is_typing)

    # To the daemon

    def _post(self, frame: ToDaemon) -> None:
        self._writer.write(encoded(frame))

    async def _tell(self, *frames: ToDaemon) -> None:
        for piece in joined(frames):
            self._writer.write(piece)
        await self._writer.drain()

    # From the library

    def _on_event(self, code: int, event: bytes) -> None:
        try:
            if code == Event.MESSAGE:
                if self._undecryptable.in_a_row:
                    self._on_loop(self._undecryptable.note_readable)
                self._held.keep(event)
            elif code == Event.PAIR_STATUS:
                self._on_loop(self._pairing.on_pair_status, event)
            else:
                self._on_loop(self._on_state, code, event)
        except DataError as error:
            self._on_loop(self._finish, unusable(error))
        except Exception:  # a foreign callback: ctypes would print the error and go on
            logger.exception("event %d was lost", code)

    def _on_state(self, code: int, event: bytes) -> None:
        if code == Event.UNDECRYPTABLE:
            self._undecryptable.expect(event)
        self._connection.on_event(code, event)
        if code == Event.CONNECTED and self._options.is_pairing:
            self._post(Linked())

    async def _on_qr(self, qr: str) -> None:
        if self._options.is_pairing:
            await self._pairing.show(qr, self._client)
        else:
            self._finish(exit_reasons.NOT_LINKED)

    def _on_loop(self, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        self._loop.call_soon_threadsafe(callback, *args)
