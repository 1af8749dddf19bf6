import logging

import pytest

from butler.transports.whatsapp.gateway.library_log import is_news


@pytest.mark.parametrize(
    ("name", "text", "is_shown"),
    [
        ("whatsmeow.Client", "Error reading from websocket: EOF", False),
        ("whatsmeow.Client", "Failed to connect: failed to dial whatsapp web websocket", False),
        ("whatsmeow.Client.Socket", "Error sending close to websocket: broken pipe", False),
        ("whatsmeow.Client", "lookup web.whatsapp.com: no such host", False),
        ("whatsmeow.Client", "Error decrypting message from 1@s.whatsapp.net", True),
        ("Whatsmeow.Database", "no such table", True),
        ("butler.transports", "the websocket is gone", True),
    ],
)
def test_of_a_lost_connection_the_library_says_nothing(name, text, is_shown):
    record = logging.LogRecord(name, logging.ERROR, "", 0, text, None, None)

    assert is_news(record) is is_shown
