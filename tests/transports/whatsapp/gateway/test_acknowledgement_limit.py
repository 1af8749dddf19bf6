"""The timeout of acknowledgements."""

import pytest

from butler.transports.whatsapp.gateway.acknowledgement_limit import AcknowledgementLimit


@pytest.mark.parametrize(
    ("samples", "has_lost", "seconds"),
    [
        ([], False, 10.0),
        ([], True, 3.0),
        ([0.1] * 9, False, 10.0),
        ([0.1] * 10, False, 5.0),
        ([0.1] * 9 + [0.3], False, 6.0),
        ([0.1] * 9 + [0.3], True, 6.0),
        ([2.0] * 10, True, 10.0),
        ([2.0] * 10 + [0.1] * 50, False, 5.0),
    ],
)
def test_it_follows_what_is_known_of_the_connection(samples, has_lost, seconds):
    limit = AcknowledgementLimit(10.0, lambda: has_lost)
    for each in samples:
        limit.note(each)

    assert limit.seconds == seconds


@pytest.mark.parametrize("has_lost", [False, True])
def test_a_shorter_one_wins(has_lost):
    limit = AcknowledgementLimit(10.0, lambda: has_lost)
    limit.shorten(2.0)

    assert limit.seconds == 2.0
