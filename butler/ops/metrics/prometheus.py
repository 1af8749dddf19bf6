"""The meter whose figures Prometheus reads."""

from collections.abc import Callable, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from butler.core.meter import QUICK_S, Count, Meter, Observe

PREFIX = "butler_"
MOST_SERIES = 100
"""Of one metric. What comes later counts as ``other``: a label must not grow without limit."""


class PrometheusMeter(Meter):
    """Keeps figures in a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None, prefix: str = PREFIX) -> None:
        self._prefix = prefix
        if registry is None:
            disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it so
            registry = CollectorRegistry()
            ProcessCollector("butler", registry=registry)
        self.registry = registry

    def counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Count:
        """Return what counts."""
        metric = Counter(self._prefix + name, meaning, labels, registry=self.registry)
        bounded = _Bounded()

        def count(*values: str, amount: float = 1.0) -> None:
            (metric.labels(*bounded.of(values)) if values else metric).inc(max(0.0, amount))

        return count

    def histogram(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str] = (),
        limits_s: Sequence[float] = QUICK_S,
    ) -> Observe:
        """Return what notes durations."""
        metric = Histogram(
            self._prefix + name, meaning, labels, buckets=limits_s, registry=self.registry
        )
        bounded = _Bounded()

        def observe(seconds: float, *values: str) -> None:
            (metric.labels(*bounded.of(values)) if values else metric).observe(max(0.0, seconds))

        return observe

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Show what ``read`` returns whenever somebody looks."""
        Gauge(self._prefix + name, meaning, registry=self.registry).set_function(read)

    def within(self, name: str) -> Meter:
        """Return a meter whose names begin with this one, and whose figures are read with these."""
        return PrometheusMeter(self.registry, f"{self._prefix}{name.replace('-', '_')}_")


class _Bounded:
    """The combinations of labels that a metric has."""

    def __init__(self) -> None:
        self._known: set[tuple[str, ...]] = set()

    def of(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Return the labels to count under."""
        if values not in self._known:
            if len(self._known) >= MOST_SERIES:
                return ("other",) * len(values)
            self._known.add(values)
        return values
