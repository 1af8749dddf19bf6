"""How patient a gateway is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a gateway waits.

    Attributes:
        send_s: For WhatsApp to acknowledge a reply, which takes milliseconds. The library would
            wait for 75 s and block all others.
        poll_s: Between two questions to the library whether it is logged in.
        poll_limit_s: For the answer.
        offline_s: For a connection, before another process tries. The library's own attempts
            grow ever rarer.
        repair_s: For a message that could not be decrypted to come again.
    """

    send_s: float = 30.0
    poll_s: float = 15.0
    poll_limit_s: float = 10.0
    offline_s: float = 60.0
    repair_s: float = 30.0
