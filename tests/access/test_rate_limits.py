import pytest

from butler.access.rate_limits import MAX_BUCKETS, Admission, Buckets


@pytest.fixture
def clock(mocker):
    return mocker.Mock(return_value=0.0)


def test_a_burst_is_granted_then_refused_once_aloud(clock):
    buckets = Buckets(60, 2, clock)

    assert [buckets.take("anna") for _ in range(4)] == [
        Admission.GRANTED,
        Admission.GRANTED,
        Admission.REFUSED,
        Admission.STILL_REFUSED,
    ]
    assert buckets.take("bob") is Admission.GRANTED


def test_who_goes_on_calling_too_often_is_told_once_until_it_is_over(clock):
    buckets = Buckets(60, 10, clock)
    flood = []
    for clock.return_value in range(60):
        flood += [buckets.take("anna") for _ in range(5)]
    clock.return_value += 5.0
    later = [buckets.take("anna") for _ in range(6)]

    assert flood.count(Admission.GRANTED) == 69
    assert flood.count(Admission.REFUSED) == 1
    assert later == [Admission.GRANTED] * 5 + [Admission.REFUSED]


def test_who_may_save_up_nothing_is_told_once_too(clock):
    buckets = Buckets(60, 1, clock)
    buckets.take("anna")
    buckets.take("anna")
    clock.return_value = 0.75

    assert buckets.take("anna") is Admission.STILL_REFUSED


def test_tokens_come_back_with_time(clock):
    buckets = Buckets(60, 1, clock)
    buckets.take("anna")
    buckets.take("anna")
    assert buckets.wait_s("anna") == 1.0

    clock.return_value = 1.0

    assert buckets.take("anna") is Admission.GRANTED
    assert buckets.take("anna") is Admission.REFUSED


def test_asking_whether_a_bucket_is_empty_takes_nothing(clock):
    buckets = Buckets(60, 1, clock)
    assert not buckets.is_empty("anna")
    buckets.take("anna")
    assert buckets.is_empty("anna")

    clock.return_value = 1.0

    assert not buckets.is_empty("anna")
    assert buckets.take("anna") is Admission.GRANTED


def test_nobody_saves_up_more_than_a_burst(clock):
    buckets = Buckets(60, 2, clock)
    buckets.take("anna")
    clock.return_value = 3600.0

    granted = [buckets.take("anna") for _ in range(3)]

    assert granted == [Admission.GRANTED, Admission.GRANTED, Admission.REFUSED]


def test_who_never_called_need_not_wait(clock):
    assert Buckets(60, 1, clock).wait_s("anna") == 0.0


def test_memory_is_bounded_by_those_who_called_of_late(clock):
    buckets = Buckets(60, 10, clock)
    for number in range(MAX_BUCKETS):
        buckets.take(str(number))
    clock.return_value = 0.5
    buckets.take("one more")
    assert len(buckets._buckets) == MAX_BUCKETS

    clock.return_value = 10.0
    buckets.take("when the first are full")

    assert len(buckets._buckets) == 2
