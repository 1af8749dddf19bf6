"""Turns: one at a time in each chat, in order of arrival."""

import asyncio
from collections import deque

_Queue = deque[asyncio.Future[None]]


class Turns:
    """Whose turn it is in each chat; nothing is kept of a chat in which it is nobody's.

    An :class:`asyncio.Lock` for each chat would do the same, and take twice as long where nobody
    waits. Whoever took a turn, or came to it by waiting, ends it::

        if not turns.take(chat_id):
            await turns.wait(chat_id)
        try:
            ...
        finally:
            turns.end(chat_id)
    """

    def __init__(self) -> None:
        # Those who wait in the chats in which it is somebody's turn; None for nobody.
        self._queues: dict[str, _Queue | None] = {}

    def __len__(self) -> int:
        """Return in how many chats it is somebody's turn."""
        return len(self._queues)

    def take(self, chat_id: str) -> bool:
        """Take the turn in the chat if it is nobody's; return whether it was."""
        if chat_id in self._queues:
            return False
        self._queues[chat_id] = None
        return True

    async def wait(self, chat_id: str) -> None:
        """Wait for a turn in a chat in which it is somebody else's."""
        queue = self._queues[chat_id]
        if queue is None:
            queue = self._queues[chat_id] = deque()
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # It had come, and nobody else knows.
                self.end(chat_id)
            raise

    def end(self, chat_id: str) -> None:
        """End the turn in the chat, and let whoever has waited longest have theirs."""
        queue = self._queues[chat_id]
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._queues[chat_id]
