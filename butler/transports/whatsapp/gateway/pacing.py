"""Rate limits of outgoing messages, so that WhatsApp does not treat Butler as a spammer."""

import itertools
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

from butler.transports.whatsapp.protocol.frames import Pacing, Rank, Send

_MINUTE_S = 60.0
_CHATS_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class _Past:
    """When a chat was sent messages, and which of them were edits."""

    times: deque[float]
    edits: deque[float]


class Pacer:
    """Limits outgoing messages by chat; without a pacing not at all.

    Edits leave half of the limits to messages, so that progress never keeps an answer waiting.
    """

    def __init__(self, pacing: Pacing | None) -> None:
        self._pacing = pacing
        self.gap_s = pacing.gap_s if pacing else 0.0
        self._chats: dict[str, _Past] = {}

    def wait_s(self, chat_id: str, now: float, *, is_edit: bool = False) -> float:
        """Return the seconds until this chat may be sent one more; 0 if it may be now."""
        past, pacing = self._chats.get(chat_id), self._pacing
        if past is None or pacing is None:
            return 0.0
        at = _after_burst(past.times, pacing, left=pacing.burst // 2 if is_edit else 0)
        for times in (past.times, *([past.edits] if is_edit else [])):
            if len(times) == times.maxlen:
                at = max(at, times[0] + _MINUTE_S)
        return max(0.0, at - now)

    def note(self, chat_id: str, now: float, *, is_edit: bool = False) -> None:
        """Count a message, or an edit, that this chat is sent now."""
        if self._pacing is None:
            return
        if len(self._chats) > _CHATS_REMEMBERED:
            self._forget(now)
        limit = self._pacing.per_minute
        past = self._chats.get(chat_id)
        if past is None:
            past = _Past(deque(maxlen=limit), deque(maxlen=max(1, limit // 2)))
            self._chats[chat_id] = past
        past.times.append(now)
        if is_edit:
            past.edits.append(now)

    def _forget(self, now: float) -> None:
        for chat_id, past in list(self._chats.items()):
            if past.times[-1] < now - _MINUTE_S:
                del self._chats[chat_id]


def _after_burst(times: deque[float], pacing: Pacing, *, left: int) -> float:
    """Return when a bucket of ``burst``, refilled ``per_second``, holds one beside those left."""
    full_at = 0.0
    for time in times:
        full_at = max(full_at, time) + 1 / pacing.per_second
    return full_at - (pacing.burst - 1 - left) / pacing.per_second


class Ranked(NamedTuple):
    """A reply with its place in the order of sending: the urgent first, edits last."""

    rank: Rank
    number: int
    request: Send


class PacedQueue:
    """Replies that wait until their chats may be sent one more; each chat's best goes first."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._chats: dict[str, list[Ranked]] = {}
        self._numbers = itertools.count()

    def put(self, request: Send) -> None:
        """Let a reply wait."""
        ranked = Ranked(request.rank, next(self._numbers), request)
        heappush(self._chats.setdefault(request.chat_id, []), ranked)

    def is_free(self, chat_id: str, now: float) -> bool:
        """Return whether nothing waits for this chat and it may be sent one more."""
        return chat_id not in self._chats and self._pacer.wait_s(chat_id, now) <= 0

    def counted(self, request: Send, now: float) -> Ranked:
        """Count a reply that is sent without having waited; return it with its place."""
        self._pacer.note(request.chat_id, now, is_edit=request.rank is Rank.EDIT)
        return Ranked(request.rank, next(self._numbers), request)

    def due(self, now: float) -> list[Ranked]:
        """Take out what may be sent now, in order, and count it."""
        found = [each for chat_id in list(self._chats) for each in self._due_of(chat_id, now)]
        return sorted(found)

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until something may be sent; None if nothing waits."""
        waits = (self._wait_of(waiting[0], now) for waiting in self._chats.values())
        return min(waits, default=None)

    def take(self, key: str) -> Ranked | None:
        """Take out a reply ahead of its time, without counting it."""
        for chat_id, waiting in self._chats.items():
            for ranked in waiting:
                if ranked.request.key == key:
                    others = [each for each in waiting if each is not ranked]
                    self._keep(chat_id, sorted(others))
                    return ranked
        return None

    def _due_of(self, chat_id: str, now: float) -> list[Ranked]:
        waiting, found = self._chats[chat_id], []
        while waiting and self._wait_of(waiting[0], now) <= 0:
            ranked = heappop(waiting)
            self._pacer.note(chat_id, now, is_edit=ranked.rank is Rank.EDIT)
            found.append(ranked)
        self._keep(chat_id, waiting)
        return found

    def _wait_of(self, ranked: Ranked, now: float) -> float:
        return self._pacer.wait_s(ranked.request.chat_id, now, is_edit=ranked.rank is Rank.EDIT)

    def _keep(self, chat_id: str, waiting: list[Ranked]) -> None:
        if waiting:
            self._chats[chat_id] = waiting
        else:
            del self._chats[chat_id]
