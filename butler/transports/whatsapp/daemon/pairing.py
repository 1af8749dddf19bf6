"""Links an account by QR code, or by a code typed on the phone."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from butler.errors import LinkEndedError, TransportError
from butler.storage.files import private_folder
from butler.transports.whatsapp.account import Account, read_account
from butler.transports.whatsapp.daemon.process import gateway
from butler.transports.whatsapp.protocol.frames import Ended, Linked, Options, PairCode, Qr

OnCode = Callable[[str, float], None]

MOST_ROUNDS = 3
"""Beyond this, WhatsApp answers "Can't link new devices right now"."""

ROUND_LIMIT_S = 200.0
"""The codes of a round expire after 160 s; after that a login may still be in progress."""

PAIRING_LIMIT_S = MOST_ROUNDS * ROUND_LIMIT_S

_FIRST_CODE_S, _NEXT_CODE_S = 60.0, 20.0
_TYPED_CODE_S = 160.0


async def pair(
    folder: Path,
    device_name: str,
    *,
    phone: str | None = None,
    on_qr: OnCode,
    on_code: OnCode,
) -> Account:
    """Link an account and wait for its first login; return the account.

    Args:
        folder: The folder for its credentials.
        device_name: The name that the phone shows under "Linked devices".
        phone: Link by a code typed on the phone with this number, instead of a QR code.
        on_qr: Called with the text of each QR code, and how many seconds it lives; each replaces
            the last.
        on_code: Called with the code to type, and how many seconds it lives.

    Raises:
        TransportError: The account was not linked.
        DataError: The folder cannot be used.
    """
    options = Options(
        str(private_folder(folder).absolute()), device_name, is_pairing=True, phone=_digits(phone)
    )
    for _round in range(MOST_ROUNDS):
        try:
            async with asyncio.timeout(ROUND_LIMIT_S):
                ended = await _one_round(options, on_qr, on_code)
        except TimeoutError:
            continue
        if ended is None:
            return await _linked(folder)
        if ended.rule != "timeout":
            raise (LinkEndedError if ended.is_final else TransportError)(ended.sentence)
    raise TransportError("No code was used in time. Wait a few minutes, then: butler pair")


async def _one_round(options: Options, on_qr: OnCode, on_code: OnCode) -> Ended | None:
    life_s = _FIRST_CODE_S
    async with gateway(options) as process:
        async for frame in process.frames():
            match frame:
                case Qr():
                    on_qr(frame.text, life_s)
                    life_s = _NEXT_CODE_S
                case PairCode():
                    on_code(frame.code, _TYPED_CODE_S)
                case Linked():
                    return None
                case Ended():
                    return frame
                case _:
                    pass
    return Ended("died", f"The gateway to WhatsApp {process.end}. See its output above.")


async def _linked(folder: Path) -> Account:
    account = await asyncio.to_thread(read_account, folder)
    if account is None:
        raise TransportError("WhatsApp linked the device, but its credentials were not written.")
    return account


def _digits(phone: str | None) -> str | None:
    if phone is None:
        return None
    digits = re.sub(r"[\s()/.-]", "", phone).removeprefix("+")
    if not re.fullmatch(r"[1-9][0-9]{6,14}", digits):
        raise TransportError(f"{phone!r} is not a phone number in international form (+49…).")
    return digits
