"""Measures a bot where the configuration asks for it, and not at all otherwise."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from butler.app import Setup
from butler.chat.transport import Transport
from butler.distribution import extra
from butler.errors import ConfigError
from butler.records.model import Records
from butler.transports.whatsapp import LinkState


class Measures:
    """What is measured of a bot; this one measures nothing."""

    def of_setup(self, setup: Setup) -> Setup:
        """Return the setup with a meter for its plugins."""
        return setup

    def of_records(self, records: Records) -> Records:
        """Return the records, counted."""
        return records

    def of_transport(self, transport: Transport) -> Transport:
        """Return the transport, measured."""
        return transport

    def note_worker(self, name: str, *, is_away: bool) -> None:
        """Take notice that a worker has gone, or is back."""

    def watch_daemon(
        self, state: Callable[[], LinkState], waiting_records: Callable[[], int]
    ) -> None:
        """Show the state of a link and its journal, too."""

    @asynccontextmanager
    async def published(self) -> AsyncIterator[None]:
        """Publish the figures while the block runs."""
        yield


class _Prometheus(Measures):
    """Measures for Prometheus."""

    def __init__(self, setup: Setup) -> None:
        from butler.ops.metrics.messages import MessageFigures
        from butler.ops.metrics.prometheus import PrometheusMeter

        self._config = setup.config
        self._meter = PrometheusMeter()
        self._figures = MessageFigures(self._meter)
        self._away: dict[str, bool] = {}

    def of_setup(self, setup: Setup) -> Setup:
        return replace(setup, meter=self._meter)

    def of_records(self, records: Records) -> Records:
        from butler.ops.metrics.messages import MeasuredRecords

        return MeasuredRecords(records, self._figures)

    def of_transport(self, transport: Transport) -> Transport:
        from butler.ops.metrics.messages import MeasuredTransport

        return MeasuredTransport(transport, self._figures)

    def note_worker(self, name: str, *, is_away: bool) -> None:
        self._away[name] = is_away

    def watch_daemon(
        self, state: Callable[[], LinkState], waiting_records: Callable[[], int]
    ) -> None:
        from butler.ops.metrics.daemon import DaemonCollector

        data_dir = self._config.data_dir
        self._meter.registry.register(
            DaemonCollector(data_dir, state, waiting_records, self._away.copy)
        )

    @asynccontextmanager
    async def published(self) -> AsyncIterator[None]:
        from butler.ops.metrics.publishing import publishing

        async with publishing(self._config.metrics, self._meter.registry):
            yield


def measures_of(setup: Setup) -> Measures:
    """Return what [metrics] asks to measure.

    Raises:
        ConfigError: The Python package prometheus-client is not installed.
    """
    if setup.config.metrics.is_empty:
        return Measures()
    try:
        return _Prometheus(setup)
    except ImportError as error:
        raise ConfigError(f"[metrics] needs: {extra('metrics')} ({error}).") from error
