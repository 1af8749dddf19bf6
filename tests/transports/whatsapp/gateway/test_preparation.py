"""What is fetched before a send, so that no chat waits for another one's queries."""

import asyncio

import pytest
from neonize.exc import NeonizeError

from butler.transports.whatsapp.gateway import preparation
from butler.transports.whatsapp.gateway.preparation import Preparation, SilentChatError
from butler.transports.whatsapp.gateway.send_errors import Failure, SendError, failure
from butler.transports.whatsapp.protocol.frames import Send

TO_GROUP = Send("k1", "1@g.us", "one")
DOCUMENT = Send("k2", "1@lid", "long", file_name="reply.txt")


class Library:
    """Answers queries and takes uploads, unless it is told otherwise."""

    def __init__(self):
        self.asked = []
        self.error = None
        self.is_silent = False

    async def group_subject(self, chat_id):
        self.asked.append(chat_id)
        if self.is_silent:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return "Team"

    async def upload(self, data, *, is_picture=False):
        if self.error:
            raise self.error
        return f"reference to {data.decode()}"


@pytest.fixture
def library():
    return Library()


@pytest.fixture
def subjects():
    return {}


@pytest.fixture
def prepared(library, subjects, monkeypatch):
    monkeypatch.setattr(preparation, "ANSWER_LIMIT_S", 0.02)
    return Preparation(library, subjects.__setitem__)


async def test_a_direct_chat_needs_nothing(prepared):
    assert not prepared.is_needed(Send("k", "1@lid", "one"))


async def test_a_group_is_queried_once_and_its_subject_told(prepared, library, subjects):
    assert prepared.is_needed(TO_GROUP)
    await prepared.prepare(TO_GROUP)

    assert not prepared.is_needed(TO_GROUP)
    assert subjects == {"1@g.us": "Team"}
    assert library.asked == ["1@g.us"]


async def test_a_silent_group_is_asked_again_the_next_time(prepared, library):
    library.is_silent = True
    with pytest.raises(SilentChatError):
        await prepared.prepare(TO_GROUP)
    library.is_silent = False
    await prepared.prepare(TO_GROUP)

    assert len(library.asked) == 2
    assert not prepared.is_needed(TO_GROUP)


@pytest.mark.parametrize(
    ("said", "error"),
    [("info query timed out", SilentChatError), ("websocket not connected", SendError)],
)
async def test_a_query_that_fails_for_now_is_made_again(prepared, library, said, error):
    library.error = NeonizeError(said)
    with pytest.raises(error):
        await prepared.prepare(TO_GROUP)

    assert prepared.is_needed(TO_GROUP)


async def test_what_else_is_wrong_with_a_group_is_left_to_the_send(prepared, library):
    library.error = NeonizeError("the group does not exist")
    await prepared.prepare(TO_GROUP)

    assert not prepared.is_needed(TO_GROUP)


async def test_a_document_is_uploaded_before_its_turn(prepared):
    assert prepared.is_needed(DOCUMENT)
    await prepared.prepare(DOCUMENT)

    assert not prepared.is_needed(DOCUMENT)
    assert prepared.take_upload("k2") == "reference to long"


async def test_a_rejected_document_is_met_at_its_send(prepared, library):
    library.error = SendError("500")
    await prepared.prepare(DOCUMENT)

    with pytest.raises(SendError, match="500"):
        prepared.take_upload("k2")


async def test_a_file_that_has_gone_is_certainly_not_sent(prepared, tmp_path):
    request = Send("k", "1@lid", "", file_name="a.png", attachment=str(tmp_path / "none"))
    await prepared.prepare(request)

    with pytest.raises(SendError, match="cannot be read: No such file") as error:
        prepared.take_upload("k")
    assert failure(str(error.value)) is Failure.REFUSED
