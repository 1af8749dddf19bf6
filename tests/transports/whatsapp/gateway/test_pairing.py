"""The gateway's part in linking, without the library."""

import asyncio

import pytest
from neonize.exc import NeonizeError
from neonize.proto.Neonize_pb2 import PairStatus

from butler.transports.whatsapp.gateway import exit_reasons, pairing
from butler.transports.whatsapp.gateway.pairing import Pairing
from butler.transports.whatsapp.protocol.frames import PairCode, Qr
from library_events import filled


class Library:
    """Gives a pairing code, or an error, or nothing."""

    def __init__(self, code="ABCD-EFGH", error=None):
        self.code = code
        self.error = error
        self.asked = []

    async def pair_code(self, digits):
        self.asked.append(digits)
        if self.error is not None:
            raise self.error
        if self.code is None:
            await asyncio.Event().wait()
        return self.code


class Round:
    """One round of linking, and what it told."""

    def __init__(self, phone=None):
        self.posted = []
        self.ended = []
        self.linking = Pairing(phone, self.posted.append, self.ended.append)


async def test_every_qr_code_is_shown():
    shown = Round()
    for qr in ("one", "two"):
        await shown.linking.show(qr, Library())

    assert shown.posted == [Qr("one"), Qr("two")]


async def test_a_pairing_code_is_asked_for_once_instead_of_qr_codes():
    library, shown = Library(), Round("4915112345678")
    for qr in ("one", "two"):
        await shown.linking.show(qr, library)

    assert shown.posted == [PairCode("ABCD-EFGH")]
    assert library.asked == ["4915112345678"]


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (Library(error=NeonizeError("429: rate-overlimit")), "429: rate-overlimit"),
        (Library(code=None), "timeout"),
    ],
)
async def test_without_a_pairing_code_the_round_ends_with_the_reason(monkeypatch, library, reason):
    monkeypatch.setattr(pairing, "CODE_LIMIT_S", 0.01)
    shown = Round("4915112345678")
    await shown.linking.show("one", library)

    assert shown.posted == []
    assert shown.ended == [exit_reasons.no_code(reason)]


@pytest.mark.parametrize(
    ("status", "error", "count"), [(PairStatus.SUCCESS, "", 0), (PairStatus.ERROR, "no", 1)]
)
def test_the_phones_answer_ends_the_round_unless_it_is_yes(status, error, count):
    shown = Round()
    answer = filled(PairStatus(Status=status, Error=error)).SerializeToString()
    shown.linking.on_pair_status(answer)

    assert len(shown.ended) == count


def test_a_step_that_is_no_end_is_passed_over():
    shown = Round()
    for step in ("code", "success", "timeout"):
        shown.linking.on_status(step)

    assert [each.rule for each in shown.ended] == ["timeout"]
