"""Budgets: limits on the number and cost of runs per person and chat."""

import time

from butler import Context, Role, UserError, duration
from butler_run.history.runs import History
from butler_run.settings import RunSettings

HOUR_S, DAY_S = 3600.0, 86_400.0
WARN_AT = 0.8


class Budget:
    """The limits of ``[plugins.run]``; those of a chat apply to owners, too."""

    def __init__(self, settings: RunSettings, history: History) -> None:
        self._settings = settings
        self._history = history

    def follow(self, settings: RunSettings) -> None:
        """Go by these limits from now on."""
        self._settings = settings

    def check(self, ctx: Context) -> None:
        """Check the limits for one more run, unless an owner lifted them.

        Raises:
            UserError: A limit is exceeded; the text says which, and the way out.
        """
        now = time.time()
        if ctx.role < Role.OWNER:
            self._check_person(ctx, now)
        if self._history.chats.is_lifted(ctx.chat_id):
            self._history.chats.lift(ctx.chat_id, is_lifted=False)
            return
        for used, most, unit in self._used(ctx.chat_id, now):
            if used >= most:
                raise UserError(
                    f"This chat has used up its {unit} of 24 hours ({used:g} of {most:g}). "
                    "An owner can allow one more run with /lift."
                )

    def warning(self, chat_id: str) -> str:
        """Return a warning if a chat has used most of its budget, else nothing."""
        for used, most, unit in self._used(chat_id, time.time()):
            if used >= WARN_AT * most:
                return f"This chat has used {used:g} of its {most:g} {unit} of 24 hours."
        return ""

    def _check_person(self, ctx: Context, now: float) -> None:
        most = self._settings.max_runs_per_hour
        asked = self._history.usage.asked_by(ctx.sender, now - HOUR_S)
        if len(asked) >= most:
            wait = duration(max(1.0, asked[-most] + HOUR_S - now))
            raise UserError(
                f"You have started {most} runs within an hour. The next one can start in {wait}."
            )

    def _used(self, chat_id: str, now: float) -> list[tuple[float, float, str]]:
        """Return what is used, the most, and of what, for each limit there is."""
        limits: list[tuple[float, float, str]] = []
        if self._settings.max_runs_per_day is not None:
            used, _tokens, _cost = self._history.usage.of(chat_id, now - DAY_S)
            limits.append((used, self._settings.max_runs_per_day, "runs"))
        if self._settings.max_cost_usd_per_day is not None:
            _runs, _tokens, cost = self._history.usage.of(chat_id, now - DAY_S)
            limits.append((round(cost, 2), self._settings.max_cost_usd_per_day, "US dollars"))
        return limits
