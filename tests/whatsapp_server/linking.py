"""How a client becomes a linked device of the account: by QR code or by a code for the phone."""

import asyncio
import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from whatsapp_server.connection import Connection
from whatsapp_server.elements import SERVER, Attributes, Element, element
from whatsapp_server.keys import is_signed_by
from whatsapp_server.pair_code import CodePairing, WrongCodeError
from whatsapp_server.protobuf import Fields, encode
from whatsapp_server.timeline import Timeline
from whatsapp_server.world import LinkedDevice, World

_REF_COUNT = 6
_CLOSE_AFTER_S = 1.0
"""The client is to leave by itself after stream error 515; this is for one that does not."""
_PASSKEY_OPTIONS = {
    "challenge": "c3RhbmQtaW4",
    "timeout": 600_000,
    "rpId": "whatsapp.com",
    "allowCredentials": [],
    "userVerification": "required",
    "extensions": {"uvm": True},
}


@dataclass(eq=False, slots=True)
class _Candidate:
    """A connection that wants to be linked. ``registration`` is field 19 of its payload."""

    connection: Connection
    registration: Fields
    refs: list[str]
    code: CodePairing | None = None
    code_error: WrongCodeError | None = None
    success_id: str = ""
    details: bytes = b""
    properties: Fields = field(default_factory=Fields)


class Linking:
    """The candidates, and the owner's phone that can accept one."""

    def __init__(self, world: World, timeline: Timeline) -> None:
        self._world = world
        self._timeline = timeline
        self._candidates: dict[Connection, _Candidate] = {}

    def offer(self, connection: Connection, registration: Fields) -> None:
        """Give a client that is not linked what its QR codes are made of."""
        refs = [
            f"2@{base64.b64encode(secrets.token_bytes(48)).decode()}" for _ in range(_REF_COUNT)
        ]
        candidate = _Candidate(connection, registration, refs)
        candidate.properties = registration.message(8)
        self._candidates[connection] = candidate
        codes = (element("ref", data=ref.encode()) for ref in refs)
        iq: Attributes = {
            "from": SERVER,
            "type": "set",
            "id": connection.next_id(),
            "xmlns": "md",
        }
        connection.send(element("iq", iq, element("pair-device", None, *codes)))
        self._timeline.note("pairing-offered", name=candidate.properties.text(1))

    def withdraw(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._candidates.pop(connection, None)

    def scan(self, qr: str) -> None:
        """Play the owner's phone: read the QR code and certify the client that shows it.

        Raises:
            ValueError: No client that is connected shows this code.
        """
        ref, noise_key, identity, secret = qr.strip().rpartition("#")[2].split(",")[:4]
        candidate = next((c for c in self._candidates.values() if ref in c.refs), None)
        if candidate is None:
            raise ValueError("no client that is connected shows this QR code")
        shown = base64.b64decode(noise_key), base64.b64decode(identity)
        if shown != (candidate.connection.client_key, candidate.registration.data(3)):
            raise ValueError("the keys in the QR code are not those of the client")
        self._certify(candidate, base64.b64decode(secret))

    def enter_code(self, code: str) -> Callable[[], None]:
        """Play the owner's phone: type the code that a client shows.

        Returns a check that raises WrongCodeError once the code has turned out to be wrong.

        Raises:
            ValueError: No client that is connected has asked for a code.
        """
        asking = [(c, c.code) for c in self._candidates.values() if c.code]
        if not asking:
            raise ValueError("no client that is connected has asked for a code")
        candidate, pairing = asking[-1]
        candidate.code_error = None
        phone = self._world.account.devices[0].identity
        self._notify(
            candidate, "link_code_companion_reg", pairing.primary_hello(code, phone.public)
        )

        def check() -> None:
            if candidate.code_error:
                raise candidate.code_error

        return check

    def request_passkey(self) -> None:
        """Ask every client that wants to be linked for a passkey.

        Source: https://github.com/tulir/whatsmeow/pull/1186
        """
        options = element("passkey_request_options", data=json.dumps(_PASSKEY_OPTIONS).encode())
        for candidate in self._candidates.values():
            self._notify(candidate, "passkey_prologue_request", options)
        self._timeline.note("passkey-requested")

    def answer(self, connection: Connection, request: Element) -> list[Element]:
        """Answer a client that wants a code, or that has got an answer to its code.

        Raises:
            LookupError: The client is not one that wants to be linked.
        """
        candidate = self._candidates[connection]
        if request.text("stage") == "companion_hello":
            candidate.code = CodePairing(request)
            self._timeline.note("code-offered", name=candidate.code.display_name)
            return [candidate.code.reference()]
        if candidate.code is None:
            raise LookupError("the client never asked for a code")
        self._finish(candidate, candidate.code, request)
        return []

    def confirm(self, connection: Connection, result: Element) -> None:
        """Take the client's answer to its certificate, if this is one."""
        candidate = self._candidates.get(connection)
        if candidate is None or result.text("id") != candidate.success_id:
            return
        signed = result.find("pair-device-sign", "device-identity")
        linked = self._world.linked
        if signed is None or linked is None or result.text("type") != "result":
            self._world.unlink()
            self._timeline.note("pair-rejected", answer=str(result))
            return
        linked.is_confirmed = self._is_signed(candidate, linked, Fields(signed.data))
        self._timeline.note("paired", device=linked.number, is_signed=linked.is_confirmed)
        connection.send(element("stream:error", {"code": "515"}))
        connection.close_soon(_CLOSE_AFTER_S)

    def _is_signed(self, candidate: _Candidate, linked: LinkedDevice, answer: Fields) -> bool:
        phone = self._world.account.devices[0].identity
        message = b"\x06\x01" + candidate.details + linked.identity + phone.public
        same = answer.data(1) == candidate.details
        return same and is_signed_by(linked.identity, message, answer.data(4))

    def _finish(self, candidate: _Candidate, pairing: CodePairing, finish: Element) -> None:
        try:
            secret = pairing.secret(finish, self._world.account.devices[0].identity)
        except WrongCodeError as error:
            candidate.code_error = error
            self._timeline.note("code-wrong")
            return
        # The client expects the answer to its request before the certificate.
        asyncio.get_running_loop().call_soon(self._certify, candidate, secret)

    def _certify(self, candidate: _Candidate, secret: bytes) -> None:
        if self._world.linked:
            self._world.unlink()
        number = self._world.next_device()
        self._world.linked = _linked_device(candidate, number)
        candidate.details = encode((1, secrets.randbits(31)), (2, int(time.time())), (3, number))
        signed = self._signed_details(candidate)
        identity = encode((1, signed), (2, hmac.digest(secret, signed, "sha256")))
        candidate.success_id = candidate.connection.next_id()
        account = self._world.account
        device = {
            "jid": account.phone_jid.with_device(number),
            "lid": account.lid_jid.with_device(number),
        }
        success = element(
            "pair-success",
            None,
            element("device-identity", data=identity),
            element("device", device),
            element("platform", {"name": "android"}),
        )
        iq: Attributes = {
            "from": SERVER,
            "type": "set",
            "id": candidate.success_id,
            "t": _now(),
        }
        candidate.connection.send(element("iq", iq, success))

    def _signed_details(self, candidate: _Candidate) -> bytes:
        phone = self._world.account.devices[0].identity
        message = b"\x06\x00" + candidate.details + candidate.registration.data(3)
        return encode((1, candidate.details), (2, phone.public), (3, phone.signature(message)))

    def _notify(self, candidate: _Candidate, kind: str, child: Element) -> None:
        notification: Attributes = {
            "from": SERVER,
            "type": kind,
            "id": candidate.connection.next_id(),
            "t": _now(),
        }
        candidate.connection.send(element("notification", notification, child))


def _now() -> int:
    return int(time.time())


def _linked_device(candidate: _Candidate, number: int) -> LinkedDevice:
    registration, properties = candidate.registration, candidate.properties
    signed_id = int.from_bytes(registration.data(4), "big")
    return LinkedDevice(
        number,
        properties.text(1),
        properties.integer(3),
        candidate.connection.client_key,
        registration.data(3),
        int.from_bytes(registration.data(1), "big"),
        (signed_id, registration.data(5), registration.data(6)),
    )
