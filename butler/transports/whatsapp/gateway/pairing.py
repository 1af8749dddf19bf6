"""The gateway's part in linking an account: codes out, steps of the library in."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from neonize.exc import NeonizeError

from butler.transports.whatsapp.gateway import exit_reasons
from butler.transports.whatsapp.protocol.frames import Ended, PairCode, Qr, ToDaemon

if TYPE_CHECKING:
    from butler.transports.whatsapp.gateway.client import Client

CODE_LIMIT_S = 30.0


class Pairing:
    """One round of codes, or one pairing code.

    Args:
        phone: The number to ask a pairing code for, digits only; None for QR codes.
        post: Sends a frame to the daemon.
        finish: Ends the gateway.
    """

    def __init__(
        self,
        phone: str | None,
        post: Callable[[ToDaemon], None],
        finish: Callable[[Ended], None],
    ) -> None:
        self._phone = phone
        self._post = post
        self._finish = finish
        self._is_code_asked = False

    async def show(self, qr: str, client: "Client") -> None:
        """Show a QR code, or with the first of them ask for a pairing code instead."""
        if self._phone is None:
            self._post(Qr(qr))
        elif not self._is_code_asked:
            self._is_code_asked = True
            await self._ask_code(self._phone, client)

    def on_status(self, status: str) -> None:
        """Take note of a step of the library."""
        if ended := exit_reasons.linking(status):
            self._finish(ended)

    def on_pair_status(self, event: bytes) -> None:
        """Take note of the phone's answer."""
        if ended := exit_reasons.pairing(event):
            self._finish(ended)

    async def _ask_code(self, phone: str, client: "Client") -> None:
        try:
            async with asyncio.timeout(CODE_LIMIT_S):
                self._post(PairCode(await client.pair_code(phone)))
        except (NeonizeError, TimeoutError) as error:
            self._finish(exit_reasons.no_code(str(error) or "no answer in time"))
