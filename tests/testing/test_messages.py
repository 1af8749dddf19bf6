"""Messages for tests."""

import time

from butler.chat.message import Person
from butler.testing import OWNER, make_message


def test_a_message_is_the_owners_and_was_sent_just_now(clock):
    message = make_message("/use api")

    assert (message.text, message.chat_id, message.sender) == ("/use api", "team@g.us", OWNER)
    assert message.time == time.time()


def test_every_message_has_an_id_of_its_own():
    assert make_message().id != make_message().id


def test_a_message_has_the_details_that_are_asked_for():
    anna = Person(lid="1@lid")

    message = make_message("x", "1@lid", anna, id="A1", time=0.0, is_forwarded=True)

    assert (message.chat_id, message.sender, message.id) == ("1@lid", anna, "A1")
    assert message.time == 0.0
    assert message.is_forwarded
