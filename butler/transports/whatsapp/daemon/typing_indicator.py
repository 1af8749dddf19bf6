"""The typing indicator: shown for turns that take longer than a second."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from butler.transports.whatsapp.protocol.frames import Typing

SHOW_AFTER_S = 1.0
REPEAT_S = 10.0
"""Phones hide the indicator after about 25 s."""


@dataclass(slots=True)
class _Chat:
    timer: asyncio.TimerHandle
    turns: int = 1
    is_shown: bool = field(default=False)


class TypingIndicator:
    """The chats with turns in progress.

    Args:
        send: Sends a frame to the gateway.
    """

    def __init__(self, send: Callable[[Typing], None]) -> None:
        self._send = send
        self._chats: dict[str, _Chat] = {}

    def begin(self, chat_id: str) -> None:
        """Register the start of a turn in a chat."""
        if chat_id in self._chats:
            self._chats[chat_id].turns += 1
        else:
            self._chats[chat_id] = _Chat(self._later(chat_id, SHOW_AFTER_S))

    def end(self, chat_id: str) -> None:
        """Register the end of a turn."""
        chat = self._chats.get(chat_id)
        if chat is None:
            return
        chat.turns -= 1
        if chat.turns == 0:
            self._forget(chat_id)

    def close(self) -> None:
        """Stop showing the indicator."""
        for chat_id in list(self._chats):
            self._forget(chat_id)

    def _forget(self, chat_id: str) -> None:
        chat = self._chats.pop(chat_id)
        chat.timer.cancel()
        if chat.is_shown:
            self._send(Typing(chat_id, is_typing=False))

    def _show(self, chat_id: str) -> None:
        chat = self._chats[chat_id]
        chat.is_shown = True
        chat.timer = self._later(chat_id, REPEAT_S)
        self._send(Typing(chat_id, is_typing=True))

    def _later(self, chat_id: str, delay_s: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay_s, self._show, chat_id)
