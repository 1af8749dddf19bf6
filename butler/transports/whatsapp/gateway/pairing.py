"""The gateway's part in linking an account: shows codes and follows the library's steps."""

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
    """A round of QR codes, or one pairing code.

    Args:
        phone: The number that gets a pairing code, digits only; None for QR codes.
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
        """Show a QR code, or request a pairing code instead of the first one."""
        if self._phone is None:
            self._post(Qr(qr))
        elif not self._is_code_asked:
            self._is_code_asked = True
            await self._ask_code(self._phone, client)

    def on_status(self, status: str) -> None:
        """Process a step of the library."""
        if ended := exit_reasons.linking(status):
            self._finish(ended)

    def on_pair_status(self, event: bytes) -> None:
        """Process the phone's answer."""
        if ended := exit_reasons.pairing(event):
            self._finish(ended)

    async def _ask_code(self, phone: str, client: "Client") -> None:
        try:
            async with asyncio.timeout(CODE_LIMIT_S):
                self._post(PairCode(await client.pair_code(phone)))
        except (NeonizeError, TimeoutError) as error:
            self._finish(exit_reasons.no_code(str(error) or "timeout"))
