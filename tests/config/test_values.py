"""How times are written, in the configuration and on the command line alike."""

import time

import pytest
from pydantic import TypeAdapter, ValidationError

from butler.config.values import Seconds, moment, span_s

NOW = 1_750_000_000.0

SPANS = [
    ("30s", 30),
    ("15m", 900),
    ("12 h", 43_200),
    ("30d", 2_592_000),
    ("999999d", 86_399_913_600),
]
NO_SPANS = ["", "0d", "5", "m", "-1d", "1.5h", "1w", "٣d", "1000000s", "1d "]


@pytest.mark.parametrize(("written", "seconds"), SPANS)
def test_a_length_of_time_is_read_alike_everywhere(written, seconds):
    assert span_s(written) == seconds
    assert TypeAdapter(Seconds).validate_python(written) == span_s(written)
    assert moment(written, NOW) == NOW - span_s(written)


@pytest.mark.parametrize("written", NO_SPANS)
def test_what_is_no_length_of_time_is_refused_alike_everywhere(written):
    with pytest.raises(ValueError, match="not a duration"):
        span_s(written)
    with pytest.raises(ValidationError, match="expected a time such as"):
        TypeAdapter(Seconds).validate_python(written)
    with pytest.raises(ValueError):  # noqa: PT011 - the caller words it
        moment(written, NOW)


def test_a_day_begins_at_midnight_here():
    assert time.localtime(moment("2026-11-22", NOW))[:6] == (2026, 11, 22, 0, 0, 0)
