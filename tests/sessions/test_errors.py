import pickle

import pytest

from butler.sessions import NoActiveRepoError, SessionError, StoreError


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (NoActiveRepoError, SessionError),
        (NoActiveRepoError, LookupError),
        (StoreError, SessionError),
        (SessionError, Exception),
    ],
)
def test_the_tree_of_errors(error, base):
    assert issubclass(error, base)


def test_a_store_error_is_its_sentence_and_carries_the_reason_also_to_another_process():
    error = StoreError("Sessions cannot be kept in /x: the disk is full.", "the disk is full")

    copied = pickle.loads(pickle.dumps(error))  # noqa: S301  the bytes are our own

    assert str(copied) == "Sessions cannot be kept in /x: the disk is full."
    assert copied.reason == "the disk is full"
