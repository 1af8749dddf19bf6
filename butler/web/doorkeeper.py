"""Signing in: a link that works once, then a cookie that lives as long as the panel's process."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

TOKEN_LIFE_S = 600.0
MOST_TOKENS = 20
MOST_SESSIONS = 100


class Refused(Enum):
    """Why a token lets nobody in."""

    USED = "used"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Visit:
    """A browser that has signed in.

    Attributes:
        notice: What the next page has to say, once.
        is_refusal: Whether that is why something was not done.
    """

    notice: str = ""
    is_refusal: bool = False

    def take_notice(self) -> tuple[str, bool]:
        """Return what there is to say, and forget it."""
        said, self.notice = self.notice, ""
        return said, self.is_refusal


class Doorkeeper:
    """Gives out links and knows who has come in by one.

    Cookies know no ports: a browser sends that of one service on this machine to all others of the
    same name. So its name is a random one, and no two panels take each other's.

    Attributes:
        cookie: The name of the cookie.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.cookie = f"butler-{secrets.token_hex(4)}"
        self._clock = clock
        self._tokens: dict[str, float] = {}
        self._used: set[str] = set()
        self._visits: dict[str, Visit] = {}

    def new_token(self) -> str:
        """Return a token that lets one browser in, once and within ten minutes."""
        token = secrets.token_urlsafe(24)
        self._tokens[token] = self._clock() + TOKEN_LIFE_S
        while len(self._tokens) > MOST_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        return token

    def let_in(self, token: str) -> str | Refused:
        """Take a token; return the value of the cookie, or why there is none."""
        if token in self._used:
            return Refused.USED
        expires_at = self._tokens.pop(token, None)
        if expires_at is None:
            return Refused.UNKNOWN
        self._used.add(token)
        if self._clock() > expires_at:
            return Refused.EXPIRED
        value = secrets.token_urlsafe(32)
        self._visits[value] = Visit()
        while len(self._visits) > MOST_SESSIONS:
            del self._visits[next(iter(self._visits))]
        return value

    def visit(self, cookie: str | None) -> Visit | None:
        """Return who shows this cookie; None for a stranger."""
        return self._visits.get(cookie or "")

    def sign_out(self, cookie: str | None) -> None:
        """Let the browser with this cookie in no longer."""
        self._visits.pop(cookie or "", None)
