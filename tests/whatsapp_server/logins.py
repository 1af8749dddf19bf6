"""Which clients may log in, and what the others are told."""

import base64
import os
import time
from dataclasses import dataclass

from whatsapp_server.connection import Connection
from whatsapp_server.elements import Attributes, element
from whatsapp_server.line import Line
from whatsapp_server.protobuf import Fields
from whatsapp_server.timeline import Timeline
from whatsapp_server.world import World

_NOT_LINKED = 401
_USER, _DEVICE = 1, 18
_ACCOUNT_AGE_S = 30 * 86_400


@dataclass(frozen=True, slots=True)
class LoginFailure:
    """Why no client may log in; ``code`` and ``expire_s`` are those of a temporary ban."""

    reason: int
    code: int | None = None
    expire_s: int | None = None


class Logins:
    """Decides on login attempts; with a failure set, every one fails with it."""

    def __init__(self, world: World, line: Line, timeline: Timeline) -> None:
        self.failure: LoginFailure | None = None
        self._world = world
        self._line = line
        self._timeline = timeline

    def admit(self, connection: Connection, payload: Fields) -> None:
        """Log the client in, or tell it why not and end its connection."""
        failure = self.failure
        if failure is None and not self._is_linked(connection, payload):
            failure = LoginFailure(_NOT_LINKED)
        if failure is not None:
            self._refuse(connection, failure)
            return
        self._line.take_over(connection)
        now = int(time.time())
        attributes: Attributes = {
            "t": now,
            "lid": self._world.bot_address(),
            "display_name": self._world.account.name,
            "props": "27",
            "location": "test",
            "creation": now - _ACCOUNT_AGE_S,
            "companion_enc_static": base64.b64encode(os.urandom(32)).decode(),
        }
        connection.send(element("success", attributes))
        self._timeline.note("login", device=payload.integer(_DEVICE))

    def _is_linked(self, connection: Connection, payload: Fields) -> bool:
        linked, account = self._world.linked, self._world.account
        if linked is None or not linked.is_confirmed:
            return False
        claimed = str(payload.integer(_USER)), payload.integer(_DEVICE), connection.client_key
        return claimed == (account.phone, linked.number, linked.noise_key)

    def _refuse(self, connection: Connection, failure: LoginFailure) -> None:
        attributes = {"reason": failure.reason, "code": failure.code, "expire": failure.expire_s}
        connection.send(element("failure", {**attributes, "location": "test"}))
        self._timeline.note("login-failed", reason=failure.reason)
        connection.close_soon()
