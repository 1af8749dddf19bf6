import pytest

from butler.web.doorkeeper import MOST_TOKENS, TOKEN_LIFE_S, Doorkeeper, Refused


@pytest.fixture
def doorkeeper(clock):
    return Doorkeeper(clock)


def test_a_token_works_for_ten_minutes(doorkeeper, clock):
    early, late = doorkeeper.new_token(), doorkeeper.new_token()
    clock.now += TOKEN_LIFE_S
    assert doorkeeper.visit(doorkeeper.let_in(early)) is not None
    clock.now += 1

    assert doorkeeper.let_in(late) is Refused.EXPIRED
    assert doorkeeper.let_in(late) is Refused.USED


def test_the_oldest_of_many_tokens_is_forgotten(doorkeeper):
    tokens = [doorkeeper.new_token() for _ in range(MOST_TOKENS + 1)]

    assert doorkeeper.let_in(tokens[0]) is Refused.UNKNOWN
    assert isinstance(doorkeeper.let_in(tokens[1]), str)


@pytest.mark.parametrize("cookie", [None, "", "x"])
def test_a_stranger_has_no_visit(doorkeeper, cookie):
    assert doorkeeper.visit(cookie) is None


def test_two_panels_have_different_cookies():
    assert Doorkeeper().cookie != Doorkeeper().cookie
