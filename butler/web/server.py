"""The panel's process: it listens on loopback, prints its link, and ends with a signal."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from butler.config import loading
from butler.config.schema import Config
from butler.errors import DataError, UserError
from butler.ops.control import answering, ask_process
from butler.ops.report import lock_holder
from butler.storage.files import locked, private_folder
from butler.web.application import make_application
from butler.web.console import Console
from butler.web.doorkeeper import Doorkeeper
from butler.web.guard import FALLBACK_HOST, HOST
from butler.web.linking import Linking
from butler.web.live import Live
from butler.web.panel import Fragments, Panel
from butler.web.render import make_environment
from butler.web.source import Source

LOCK = "panel.lock"
SELF, NEW_LINK, LINK_TO_LOOK = "panel", "link", "link to look"
"""What another `butler panel` asks this one, without and with `--read-only`."""

_CAN_ACT = (
    "The panel that runs already (process {}) can do things, and so could who gets its link. "
    "End it first, or leave out --read-only."
)
_END_LIMIT_S = 2
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Options:
    """How the panel is started.

    Attributes:
        config_path: The configuration file; None for the usual one.
        opens_browser: Whether the link is opened, where there is a desktop.
        is_read_only: Whether nothing can be done from it.
    """

    config_path: Path | None = None
    opens_browser: bool = True
    is_read_only: bool = False


async def serve(options: Options) -> None:
    """Serve the panel until a signal; where one runs already, print a new link to that.

    Raises:
        ConfigError: The configuration has mistakes.
        DataError: The port is taken.
        UserError: The one that runs can do things, and this one was not to.
    """
    path = loading.find(options.config_path)
    config = loading.read(path)
    folder = private_folder(config.data_dir)
    running = lock_holder(folder / LOCK)
    if running is not None:
        _show_link(await _asked_for_link(folder, running, options), options)
        return
    with locked(folder / LOCK, "Another panel"), _listening(config.panel_port) as listener:
        await _serve(config, path, listener, options)


async def _serve(config: Config, path: Path, listener: socket.socket, options: Options) -> None:
    port = int(listener.getsockname()[1])
    panel = _panel(config, path, is_read_only=options.is_read_only)

    def link() -> str:
        return f"http://{HOST}:{port}/sign-in#{panel.doorkeeper.new_token()}"

    async def answer(plugin: str, text: str) -> str:
        if plugin != SELF or text not in {NEW_LINK, LINK_TO_LOOK}:
            raise UserError("This is a panel, and that is none of its business.")
        if text == LINK_TO_LOOK and not panel.is_read_only:
            raise UserError(_CAN_ACT.format(os.getpid()))
        return link()

    async with AsyncExitStack() as stack:
        stack.push_async_callback(panel.source.close)
        stack.push_async_callback(panel.console.close)
        stack.push_async_callback(panel.linking.close)
        await stack.enter_async_context(panel.live.kept_up_to_date())
        await stack.enter_async_context(answering(config.data_dir, answer))
        _show_link(link(), options)
        await _until_signalled(_server(panel, port), listener)


def _panel(config: Config, path: Path, *, is_read_only: bool) -> Panel:
    source = Source(config, path)
    return Panel(
        *(config, path, is_read_only, Doorkeeper(), make_environment(), source),
        *(Live(config, source), Linking(config), Console(path), Fragments()),
    )


class _Server(uvicorn.Server):
    """A server that leaves the signals to its caller."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing."""
        yield


def _server(panel: Panel, port: int) -> _Server:
    return _Server(
        uvicorn.Config(
            make_application(panel, port),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_END_LIMIT_S,
        )
    )


async def _until_signalled(server: _Server, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.should_exit = True

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, end)
    try:
        await server.serve(sockets=[listener])
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Listen on loopback, and nowhere else.

    Raises:
        DataError: The port is taken.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((FALLBACK_HOST, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise DataError(
                f"The panel cannot listen on port {port}: {error.strerror}. End what uses it, or "
                "choose another port in [panel]; 0 takes any that is free."
            ) from None
        yield listener


async def _asked_for_link(folder: Path, holder: str, options: Options) -> str:
    if not holder.isdecimal():
        raise DataError(f"Another panel uses {folder}. End it first.")
    wanted = LINK_TO_LOOK if options.is_read_only else NEW_LINK
    return await ask_process(folder, int(holder), SELF, wanted)


def _show_link(link: str, options: Options) -> None:
    other = link.replace(HOST, FALLBACK_HOST, 1)
    print(link, f"If your browser does not know that name: {other}", sep="\n", flush=True)  # noqa: T201 - what the command is for
    if options.opens_browser and _has_desktop():
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(link)


def _has_desktop() -> bool:
    if sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
