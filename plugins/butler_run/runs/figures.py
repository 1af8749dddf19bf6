"""The figures of runs, for those who watch Butler from outside."""

from collections.abc import Callable

from butler import LONG_S, DataError, Meter
from butler_run.history.past import Past, State


class RunFigures:
    """Counts runs by agent and end, and measures how long they waited and worked.

    Args:
        meter: Takes the figures.
        waiting: Returns how many runs are queued.
        active: Returns how many are at work.
    """

    def __init__(
        self, meter: Meter, waiting: Callable[[], float], active: Callable[[], float]
    ) -> None:
        by_agent = ("agent",)
        self._ended = meter.counter("ended", "Runs by agent and end.", ("agent", "end"))
        self._cost = meter.counter("cost_usd", "What runs cost, as agents say.", by_agent)
        self._work = meter.histogram("seconds", "How long runs worked.", by_agent, LONG_S)
        self._wait = meter.histogram(
            "wait_seconds", "How long runs were queued.", limits_s=(0.1, *LONG_S)
        )
        meter.gauge("waiting", "Runs that are queued.", waiting)
        meter.gauge("active", "Runs that are at work.", active)

    def note(self, look_up: Callable[[], Past | None]) -> None:
        """Note a run that has ended; one that cannot be read is not counted."""
        try:
            run = look_up()
        except DataError:
            return
        if run is None or run.state is State.QUEUED:
            return
        self._ended(run.agent, str(run.state))
        self._cost(run.agent, amount=run.cost_usd or 0.0)
        if run.started_at is not None:
            self._wait(run.started_at - run.queued_at)
            if run.ended_at is not None:
                self._work(run.ended_at - run.started_at, run.agent)
