"""Rate limits: token buckets."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

MAX_BUCKETS = 10_000


class Admission(Enum):
    """The verdict of a bucket on a call."""

    GRANTED = "granted"
    REFUSED = "refused for the first time since the bucket was half full"
    STILL_REFUSED = "refused again"


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float
    is_told: bool = False


class Buckets:
    """A token bucket for each key.

    A bucket holds ``burst`` tokens, each call takes one, and ``per_minute`` are refilled a minute.
    Full buckets are dropped, so memory is bounded by the number of recent callers.

    Args:
        per_minute: Tokens refilled a minute.
        burst: Capacity of a bucket.
        clock: A monotonic clock in seconds.
    """

    def __init__(self, per_minute: float, burst: float, clock: Callable[[], float]) -> None:
        self._per_s = per_minute / 60
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str) -> Admission:
        """Take a token from the bucket of ``key``."""
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._add(key, now)
        bucket.tokens = self._tokens(bucket, now)
        bucket.filled_at = now
        if bucket.tokens >= max(1, self._burst / 2):
            bucket.is_told = False
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return Admission.GRANTED
        if bucket.is_told:
            return Admission.STILL_REFUSED
        bucket.is_told = True
        return Admission.REFUSED

    def is_empty(self, key: str) -> bool:
        """Return whether the next call of ``key`` would be refused, without taking a token."""
        bucket = self._buckets.get(key)
        return bucket is not None and self._tokens(bucket, self._clock()) < 1

    def wait_s(self, key: str) -> float:
        """Return the seconds until the bucket of ``key`` has a token."""
        bucket = self._buckets.get(key)
        if bucket is None or bucket.tokens >= 1:
            return 0.0
        return (1 - bucket.tokens) / self._per_s

    def _tokens(self, bucket: _Bucket, now: float) -> float:
        return min(self._burst, bucket.tokens + (now - bucket.filled_at) * self._per_s)

    def _add(self, key: str, now: float) -> _Bucket:
        if len(self._buckets) >= MAX_BUCKETS:
            self._forget_full(now)
        bucket = self._buckets[key] = _Bucket(self._burst, now)
        return bucket

    def _forget_full(self, now: float) -> None:
        full_after_s = self._burst / self._per_s
        self._buckets = {
            key: bucket
            for key, bucket in self._buckets.items()
            if now - bucket.filled_at < full_after_s
        }
        while len(self._buckets) >= MAX_BUCKETS:
            del self._buckets[next(iter(self._buckets))]
