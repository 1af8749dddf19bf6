import pickle

import pytest

from butler.sessions import Session

SESSION = Session("group", "api", "/src/api", 5.0)


@pytest.mark.parametrize(
    "field", ["chat_id", "active_repo", "active_repo_path", "last_command_time"]
)
def test_a_session_cannot_be_changed(field):
    with pytest.raises(AttributeError):
        setattr(SESSION, field, "other")


def test_a_session_is_a_value():
    same = Session(
        chat_id="group", active_repo="api", active_repo_path="/src/api", last_command_time=5.0
    )

    assert same == SESSION
    assert hash(same) == hash(SESSION)
    assert pickle.loads(pickle.dumps(SESSION)) == SESSION  # noqa: S301  the bytes are our own
    assert SESSION._replace(active_repo=None).active_repo is None
    assert repr(SESSION) == (
        "Session(chat_id='group', active_repo='api', active_repo_path='/src/api',"
        " last_command_time=5.0)"
    )


def test_a_session_takes_no_other_attributes():
    with pytest.raises(AttributeError):
        SESSION.mood = "good"
