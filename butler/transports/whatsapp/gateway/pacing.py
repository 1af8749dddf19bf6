"""Rate limits of outgoing messages, so that WhatsApp does not treat Butler as a spammer."""

from collections import deque

from butler.transports.whatsapp.protocol.frames import Pacing

_MINUTE_S = 60.0
_CHATS_REMEMBERED = 1_000


class Pacer:
    """Schedules outgoing messages; without a pacing always immediately."""

    def __init__(self, pacing: Pacing | None) -> None:
        self._pacing = pacing
        self.gap_s = pacing.gap_s if pacing else 0.0
        self._times: dict[str, deque[float]] = {}

    def reserve(self, chat_id: str, now: float) -> float:
        """Reserve the next slot for a message to this chat; return the seconds until then."""
        if self._pacing is None:
            return 0.0
        if len(self._times) > _CHATS_REMEMBERED:
            self._forget(now)
        times = self._times.setdefault(chat_id, deque(maxlen=self._pacing.per_minute))
        at = max(now, _after_burst(times, self._pacing))
        if len(times) == self._pacing.per_minute:
            at = max(at, times[0] + _MINUTE_S)
        times.append(at)
        return at - now

    def _forget(self, now: float) -> None:
        for chat_id, times in list(self._times.items()):
            if times[-1] < now - _MINUTE_S:
                del self._times[chat_id]


def _after_burst(times: deque[float], pacing: Pacing) -> float:
    """Return when a bucket of ``burst`` messages, refilled ``per_second``, has one again."""
    full_at = 0.0
    for time in times:
        full_at = max(full_at, time) + 1 / pacing.per_second
    return full_at - (pacing.burst - 1) / pacing.per_second
