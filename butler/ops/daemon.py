"""`butler run` and `butler pair`: the bot on WhatsApp."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from butler.app import MEDIA_FOLDER, Setup
from butler.config.schema import Config
from butler.errors import LinkEndedError
from butler.ops.data_files import DataFiles, watching
from butler.ops.descendants import adopt
from butler.ops.hubs import side_of
from butler.ops.last_good import keep
from butler.ops.link_watch import link_recorded
from butler.ops.log_setup import follow_log
from butler.ops.metrics.measuring import measures_of
from butler.ops.moved_link import moved_link
from butler.ops.notices import Notices
from butler.ops.notify_socket import NotifySocket, telling
from butler.ops.panel_process import panel_running
from butler.ops.reloading import Reloader, has_terminal
from butler.ops.reporting import Inside, reporting
from butler.ops.shutdown import LastResort, converse, end_what_is_left
from butler.records.link_log import LinkLog
from butler.records.model import Records
from butler.records.sqlite import SqliteRecords
from butler.storage.files import locked, private_folder
from butler.storage.generation import Generation
from butler.transports.whatsapp import (
    LinkState,
    MediaPlace,
    Pacing,
    Spawned,
    WhatsAppTransport,
    ask_about_open_turns,
    linked_account,
)

logger = logging.getLogger(__name__)


async def serve(setup: Setup, news: str = "", gateway: Spawned | None = None) -> None:
    """Serve the linked account until a signal asks to stop.

    Args:
        setup: The checked configuration.
        news: What its owner has to be told of it.
        gateway: The process of the first gateway, if it was started before.

    Raises:
        LinkEndedError: No account is linked, or only a person can restore the link.
        DataError: Another daemon uses the data folder.
    """
    with whatsapp_folder(setup.config) as folder:
        account = linked_account(folder)
        if account is None:
            raise LinkEndedError("No WhatsApp account is linked yet. Link one with: butler pair")
        for problem in setup.repos.problems():
            logger.warning("%s", problem)
        logger.info("serving %s with %d repos", account, len(setup.repos))
        daemon = _Daemon(setup, folder, gateway)
        if not news:
            await asyncio.to_thread(keep, setup)
        await daemon.serve(news)
    await asyncio.to_thread(end_what_is_left)
    # The last resort stays armed: a thread that waits for a dead disk would keep the process.
    logger.info("Stopped.")


class _Daemon:
    """The parts of a daemon, and what each of them has to know of the others.

    Args:
        setup: The checked configuration.
        folder: The folder of the linked account.
        gateway: The process of the first gateway, if it was started before.
    """

    def __init__(self, setup: Setup, folder: Path, gateway: Spawned | None = None) -> None:
        config = setup.config
        self._measures = measures_of(setup)
        self._setup = setup = self._measures.of_setup(setup)
        self._folder = folder
        self._records = SqliteRecords(
            config.data_dir / "records.sqlite3", config.records.max_bytes, config.records.keep
        )
        measured = self._measured_records = self._measures.of_records(self._records)
        self._transport = _transport(setup, folder, measured, gateway)
        self._files = DataFiles(config.data_dir)
        self._generation = Generation(config.data_dir)
        self._manager = NotifySocket.taken_from(os.environ)
        self._notices = Notices(config, self._state, self._is_alive)
        self._measures.watch_daemon(self._state, lambda: self._inside().waiting_records)
        self._last_resort = LastResort(self._records.flush)

    async def serve(self, news: str) -> None:
        """Serve until the link ends or a signal asks to stop."""
        if self._generation.is_restored:
            _ask_instead_of_repeating(self._folder)
        adopt()
        reloader = Reloader(
            *(self._setup, self._manager, self._follow, news), is_in_terminal=has_terminal()
        )
        reloader.at_start = partial(self._notices.say_back, lambda: self._transport.waited)
        async with self._watched():
            with side_of(self._setup, note_worker=self._note_worker) as side:
                transport = self._measures.of_transport(self._transport)
                await converse(
                    *(self._setup, transport, self._measured_records, self._on_stop),
                    on_start=lambda _bot: self._generation.settle(),
                    name="the daemon",
                    side=side,
                    reloader=reloader,
                )

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Hold the link while the block runs, and let others see how it is."""
        data_dir = self._setup.config.data_dir
        async with (
            self._records.flushing(),
            self._transport,
            watching(self._files),
            reporting(data_dir, self._state, lambda: _say_ready(self._setup), self._inside),
            telling(self._manager, self._state, self._is_alive),
            self._notices.watching(),
            link_recorded(LinkLog(data_dir / "records.sqlite3"), self._state),
            panel_running(self._setup.path, is_wanted=self._setup.config.panel is not None),
            self._measures.published(),
        ):
            yield

    def _follow(self, new: Setup) -> None:
        """Take a new configuration."""
        follow_log(new)
        self._notices.config = new.config.notify

    def _note_worker(self, name: str, *, is_away: bool) -> None:
        self._notices.note_worker(name, is_away=is_away)
        self._measures.note_worker(name, is_away=is_away)

    def _on_stop(self) -> None:
        self._last_resort.arm()
        self._transport.call_last()

    def _state(self) -> LinkState:
        return self._transport.state

    def _is_alive(self) -> bool:
        return self._transport.is_alive

    def _inside(self) -> Inside:
        waiting = self._records.waiting if self._records.problem else 0
        return Inside(waiting, tuple(self._files.lost))


def _transport(
    setup: Setup, folder: Path, records: Records, gateway: Spawned | None
) -> WhatsAppTransport:
    whatsapp = setup.config.whatsapp
    return WhatsAppTransport(
        folder,
        device_name=whatsapp.device_name,
        records=records,
        is_for_bot=setup.gate.concerns,
        max_message_age_s=whatsapp.max_message_age,
        pacing=Pacing(whatsapp.burst, whatsapp.messages_per_second, whatsapp.messages_per_minute),
        spawned=gateway,
        log_level=setup.config.log.level.upper(),
        media=MediaPlace(setup.config.data_dir / MEDIA_FOLDER, setup.config.media.max_bytes),
    )


def _ask_instead_of_repeating(folder: Path) -> None:
    count = ask_about_open_turns(folder)
    logger.warning(
        "the data folder is a copy that was put back: %d open messages may have been handled since "
        "it was made, so their chats are asked",
        count,
    )


def _say_ready(setup: Setup) -> None:
    """Log what to try first."""
    command = "repos" if setup.router.get("repos") else "help"
    first = f"{setup.config.prefix}{command}"
    logger.info("Ready: write %s to yourself on WhatsApp. Ctrl-C stops.", first)


@contextmanager
def whatsapp_folder(config: Config) -> Iterator[Path]:
    """Lock the data folder against other daemons; yield the folder of the account.

    Raises:
        DataError: Another daemon uses it, or it cannot be used.
        LinkEndedError: A backup moved the link elsewhere.
    """
    folder = private_folder(config.data_dir)
    with locked(folder / "daemon.lock", "Another Butler"):
        link = private_folder(folder / "whatsapp")
        if moved := moved_link(link):
            raise LinkEndedError(moved)
        yield link
