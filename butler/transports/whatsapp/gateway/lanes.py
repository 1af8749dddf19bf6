"""Chats whose replies wait for something, in order, while other chats go on."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

from butler.transports.whatsapp.gateway.pacing import Ranked

logger = logging.getLogger(__name__)


class Lanes:
    """The closed chats with their replies.

    Args:
        release: Takes the replies of a chat when it opens again.
    """

    def __init__(self, release: Callable[[Ranked], None]) -> None:
        self._release = release
        self._waiting: dict[str, list[Ranked]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __contains__(self, chat_id: str) -> bool:
        return chat_id in self._waiting

    def put(self, ranked: Ranked) -> None:
        """Let a reply wait in its closed chat."""
        self._waiting[ranked.request.chat_id].append(ranked)

    def close(self, ranked: Ranked, until: Coroutine[None, None, None]) -> None:
        """Close the chat of a reply until something is over."""
        chat_id = ranked.request.chat_id
        self._waiting[chat_id] = [ranked]
        task = asyncio.create_task(self._open_after(chat_id, until), name="closed chat")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def take(self, key: str) -> Ranked | None:
        """Take out a reply ahead of its time."""
        for waiting in self._waiting.values():
            for ranked in waiting:
                if ranked.request.key == key:
                    waiting.remove(ranked)
                    return ranked
        return None

    def stop(self) -> None:
        """Stop waiting; what waits stays in the journal."""
        for task in self._tasks:
            task.cancel()

    async def _open_after(self, chat_id: str, until: Coroutine[None, None, None]) -> None:
        try:
            await until
        except Exception:  # a bug must not keep the replies of a chat forever
            logger.exception("cannot prepare a reply")
        for ranked in self._waiting.pop(chat_id):
            self._release(ranked)
