"""The supervisor: restarts the gateway with back-off until only a person can help."""

import logging
import time
from asyncio import sleep
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from butler.errors import LinkEndedError
from butler.transports.whatsapp.daemon.process import SILENCE_LIMIT_S, GatewayProcess, gateway
from butler.transports.whatsapp.daemon.spawning import Spawned
from butler.transports.whatsapp.protocol.frames import (
    UNANSWERED,
    Connection,
    Ended,
    Frame,
    Health,
    Options,
    ToGateway,
)

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
STEADY_S = 60.0
"""Lifetime of a gateway that resets the back-off."""

QUICK_RETRIES = 3
"""Gateways in a row that end for an unanswered message without making the back-off longer: the
connection was well, and each of them leaves the chat of that message aside."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """The state of the link to WhatsApp.

    Attributes:
        name: The state in one word.
        since: The time of the last change, in Unix seconds.
        reason: The cause, if known.
        retry_at: When a new gateway will be started, in Unix seconds; only while it waits.
        rule: The cause in a word, as the gateway names it.
        failures: How many gateways in a row ended soon after their start.
        health: What the gateway last said of it besides.
        restarts: How many gateways have ended.
    """

    name: Literal["starting", "connected", "disconnected", "waiting", "ended"]
    since: float
    reason: str = ""
    retry_at: float | None = None
    rule: str = ""
    failures: int = 0
    health: Health = field(default_factory=Health)
    restarts: int = 0


class Supervisor:
    """Keeps a gateway running.

    Args:
        options: The first frame to each gateway.
        on_frame: Called with each frame from the gateway.
        on_start: Called when a new gateway has started.
        first: The process of the first gateway, if it was started before.
    """

    def __init__(
        self,
        options: Options,
        on_frame: Callable[[Frame], None],
        on_start: Callable[[], None],
        first: Spawned | None = None,
    ) -> None:
        self._options = options
        self._on_frame = on_frame
        self._on_start = on_start
        self._next = first
        self._process: GatewayProcess | None = None
        self.state = LinkState("starting", time.time())
        self._said = ""

    def send(self, frame: ToGateway) -> None:
        """Send a frame; dropped if there is no gateway."""
        if self._process is not None:
            self._process.send(frame)

    @property
    def is_alive(self) -> bool:
        """Whether the gateway answers; also while none runs, as then the back-off is waited for."""
        return self._process is None or self._process.silent_s <= SILENCE_LIMIT_S

    async def hold(self) -> None:
        """Start the gateway, and restart it whenever it ends.

        Raises:
            LinkEndedError: A restart would not help; the text says what would.
        """
        wait_s = FIRST_WAIT_S
        while True:
            started = time.monotonic()
            ended = await self._run()
            is_steady = time.monotonic() - started > STEADY_S
            failures = 1 if is_steady else self.state.failures + 1
            restarts = self.state.restarts + 1
            self.state = replace(self.state, rule=ended.rule, failures=failures, restarts=restarts)
            if ended.is_final:
                self._note("ended", ended.sentence)
                raise LinkEndedError(ended.sentence)
            if is_steady:
                wait_s = FIRST_WAIT_S
            pause_s = max(wait_s, ended.wait_s)
            self._note("waiting", ended.sentence, retry_at=time.time() + pause_s)
            is_news = ended.sentence != self._said
            logger.log(
                logging.WARNING if is_news else logging.DEBUG,
                *("%s Trying again in %g s, and then on.", ended.sentence, pause_s),
            )
            self._said = ended.sentence
            await sleep(pause_s)
            if ended.rule == UNANSWERED and failures <= QUICK_RETRIES:
                continue
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _run(self) -> Ended:
        self._note("starting", self.state.reason)
        ended: Ended | None = None
        spawned, self._next = self._next, None
        async with gateway(self._options, spawned) as process:
            self._process = process
            self._on_start()
            try:
                async for frame in process.frames():
                    if isinstance(frame, Ended):
                        ended = frame
                    elif isinstance(frame, Connection):
                        self._note_connection(frame)
                    elif isinstance(frame, Health):
                        self.state = replace(self.state, health=frame)
                    else:
                        self._on_frame(frame)
            finally:
                self._process = None
        return ended or Ended("died", f"The gateway to WhatsApp {process.end}.")

    def _note_connection(self, frame: Connection) -> None:
        name: Literal["connected", "disconnected"] = "connected" if frame.is_up else "disconnected"
        if name != self.state.name:
            logger.info("WhatsApp is %s%s", name, f": {frame.detail}" if frame.detail else "")
            self._note(name, frame.detail)
            self._said = ""

    def _note(
        self,
        name: Literal["starting", "connected", "disconnected", "waiting", "ended"],
        reason: str = "",
        retry_at: float | None = None,
    ) -> None:
        is_news = "connected" in (name, self.state.name)
        since = time.time() if is_news else self.state.since
        self.state = replace(self.state, name=name, since=since, reason=reason, retry_at=retry_at)
