"""The library's events that the gateway subscribes to, by number (neonize/events.py).

Not in ``client.py``, which loads the library.
"""

from enum import IntEnum


class Event(IntEnum):
    """The subscribed events, by neonize's numbers.

    Deliberately few: a single event that the Go side cannot translate stops all of them.
    """

    DEVICE = 0
    PAIR_STATUS = 2
    CONNECTED = 3
    KEEP_ALIVE_TIMEOUT = 4
    KEEP_ALIVE_RESTORED = 5
    LOGGED_OUT = 6
    REPLACED = 7
    BANNED = 8
    CONNECT_FAILURE = 9
    OUTDATED = 10
    STREAM_ERROR = 11
    DISCONNECTED = 12
    MESSAGE = 17
    OFFLINE_PREVIEW = 26
    OFFLINE_COMPLETED = 27
    UNDECRYPTABLE = 44
