import random
from threading import Barrier, Event, Thread

import pytest

from butler.sessions import (
    MemoryStore,
    NoActiveRepoError,
    Session,
    SessionManager,
    SqliteStore,
    StoreError,
)

PATIENCE_S = 45

OPERATIONS = [
    ("set_active_repo", ("group", "api", "/src/api"), "put"),
    ("get_active_repo", ("group",), "get"),
    ("get_session", ("group",), "get"),
    ("touch", ("group",), "touch"),
    ("clear_session", ("group",), "delete"),
]
READS = [(name, arguments) for name, arguments, method in OPERATIONS if method == "get"]
WRITES = [(name, arguments) for name, arguments, method in OPERATIONS if method != "get"]


def is_quiet(sessions):
    """Whether no lock of any chat is kept."""
    return len(sessions._locks) == 0


def test_the_first_repo_creates_a_session(sessions):
    assert sessions.set_active_repo("group", "api", "/src/api") is None

    assert sessions.get_session("group") == Session("group", "api", "/src/api", 1_000.0)
    assert sessions.get_active_repo("group") == ("api", "/src/api")


def test_the_next_repo_updates_the_session_and_returns_what_it_replaced(sessions, clock):
    sessions.set_active_repo("group", "api", "/src/api")
    clock.now = 1_001.0

    replaced = sessions.set_active_repo("group", "web", "/src/web")

    assert replaced == Session("group", "api", "/src/api", 1_000.0)
    assert sessions.list_sessions() == [Session("group", "web", "/src/web", 1_001.0)]


def test_every_chat_has_its_own_repo(sessions):
    sessions.set_active_repo("a", "api", "/src/api")
    sessions.set_active_repo("b", "web", "/src/web")

    assert sessions.get_active_repo("a") == ("api", "/src/api")
    assert sessions.get_active_repo("b") == ("web", "/src/web")


def test_without_a_session_there_is_no_active_repo(sessions):
    with pytest.raises(NoActiveRepoError, match=r"^Chat group has no session; select a repo"):
        sessions.get_active_repo("group")

    assert sessions.get_session("group") is None


@pytest.mark.parametrize("repo", [(None, None), ("api", None), (None, "/src/api")])
def test_a_session_may_have_no_active_repo(store, sessions, repo):
    store.put(Session("group", *repo, 1.0))

    with pytest.raises(NoActiveRepoError, match=r"^The session of chat group has no active repo"):
        sessions.get_active_repo("group")


def test_clearing_forgets_the_session_and_says_whether_there_was_one(sessions):
    sessions.set_active_repo("group", "api", "/src/api")

    assert sessions.clear_session("group") is True
    assert sessions.clear_session("group") is False

    assert sessions.get_session("group") is None


def test_touch_notes_the_time_of_a_session(sessions, clock):
    sessions.set_active_repo("group", "api", "/src/api")
    clock.now = 1_005.0

    assert sessions.touch("group") is True

    assert sessions.get_session("group") == Session("group", "api", "/src/api", 1_005.0)


def test_touch_creates_no_session(sessions):
    assert sessions.touch("group") is False

    assert sessions.count_sessions() == 0


def test_recent_sessions_come_most_recent_first(sessions, clock):
    for chat_id in "abc":
        clock.now += 1
        sessions.set_active_repo(chat_id, "api", "/src/api")

    assert [session.chat_id for session in sessions.recent_sessions(2)] == ["c", "b"]
    assert [session.chat_id for session in sessions.recent_sessions(2, 2)] == ["a"]
    assert sessions.count_sessions() == 3


@pytest.mark.parametrize(("limit", "offset"), [(-1, 0), (1, -1)])
def test_recent_sessions_cannot_be_fewer_than_none(sessions, limit, offset):
    with pytest.raises(ValueError, match=f"must be 0 or more, not {limit} and {offset}"):
        sessions.recent_sessions(limit, offset)


@pytest.mark.parametrize(("idle_s", "is_there"), [(59.9, True), (60.0, False), (61.0, False)])
def test_a_session_is_absent_once_it_was_idle_for_so_long(expiring, clock, idle_s, is_there):
    expiring.set_active_repo("group", "api", "/src/api")
    clock.now += idle_s

    assert (expiring.get_session("group") is not None) is is_there
    assert expiring.count_sessions() == int(is_there)
    assert len(expiring.list_sessions()) == int(is_there)
    assert len(expiring.recent_sessions(5)) == int(is_there)


def test_an_expired_session_is_absent_for_changes_too(expiring, clock):
    for chat_id in "abc":
        expiring.set_active_repo(chat_id, "api", "/src/api")
    clock.now += 60

    assert expiring.touch("a") is False
    assert expiring.clear_session("b") is False
    assert expiring.set_active_repo("c", "web", "/src/web") is None

    with pytest.raises(NoActiveRepoError):
        expiring.get_active_repo("a")
    assert [session.chat_id for session in expiring.list_sessions()] == ["c"]


def test_touch_keeps_a_session_from_expiring(expiring, clock):
    expiring.set_active_repo("group", "api", "/src/api")
    clock.now += 50
    expiring.touch("group")
    clock.now += 50

    assert expiring.get_active_repo("group") == ("api", "/src/api")


def test_purging_deletes_the_expired_for_good_and_no_other(expiring, store, clock):
    expiring.set_active_repo("old", "api", "/src/api")
    clock.now += 60
    expiring.set_active_repo("new", "web", "/src/web")

    assert expiring.purge_expired() == 1
    assert expiring.purge_expired() == 0

    assert [session.chat_id for session in store.all()] == ["new"]


def test_a_session_used_while_purging_stays(expiring, store, clock, mocker):
    expiring.set_active_repo("group", "api", "/src/api")
    clock.now += 60
    mocker.patch.object(store, "idle", side_effect=lambda _: used_meanwhile())

    def used_meanwhile():
        expiring.set_active_repo("group", "web", "/src/web")
        return iter(["group"])

    assert expiring.purge_expired() == 0
    assert expiring.get_active_repo("group") == ("web", "/src/web")


def test_by_default_nothing_expires(sessions, clock):
    sessions.set_active_repo("group", "api", "/src/api")
    clock.now = 1e12

    assert sessions.purge_expired() == 0
    assert sessions.get_active_repo("group") == ("api", "/src/api")


def test_a_clock_set_back_ends_no_session_and_the_next_command_tells_the_new_time(expiring, clock):
    expiring.set_active_repo("group", "api", "/src/api")
    clock.now = 10.0

    assert expiring.purge_expired() == 0
    assert expiring.get_active_repo("group") == ("api", "/src/api")
    assert expiring.touch("group") is True
    clock.now = 70.0
    assert expiring.get_session("group") is None


@pytest.mark.parametrize("expire_after_s", [0, -1.0, float("nan")])
def test_sessions_cannot_expire_before_they_begin(expire_after_s):
    with pytest.raises(ValueError, match="must be more than 0"):
        SessionManager(expire_after_s=expire_after_s)


def test_a_manager_is_of_memory_and_the_time_of_day_by_default(mocker):
    with SessionManager() as sessions:
        sessions.set_active_repo("group", "api", "/src/api")

        assert sessions.get_session("group").last_command_time > 1.7e9
        assert sessions.is_remote is False


def test_leaving_the_manager_closes_its_store(store, mocker):
    close = mocker.spy(store, "close")

    with SessionManager(store):
        pass

    close.assert_called_once_with()


@pytest.mark.parametrize(("operation", "arguments", "method"), OPERATIONS)
def test_a_store_that_fails_leaves_no_lock_behind(
    sessions, store, mocker, operation, arguments, method
):
    failing = mocker.patch.object(store, method, side_effect=StoreError("It broke.", "it broke"))

    with pytest.raises(StoreError):
        getattr(sessions, operation)(*arguments)

    assert is_quiet(sessions)
    mocker.stop(failing)
    sessions.set_active_repo("group", "api", "/src/api")
    assert sessions.get_active_repo("group") == ("api", "/src/api")


def test_a_clock_that_fails_leaves_no_lock_behind(store, mocker):
    sessions = SessionManager(store, clock=mocker.Mock(side_effect=OSError("no clock")))

    with pytest.raises(OSError, match="no clock"):
        sessions.set_active_repo("group", "api", "/src/api")

    assert is_quiet(sessions)


class StuckStore(MemoryStore):
    """A store whose reads or writes of one chat stay in until told to go on."""

    def __init__(self, stuck_in):
        super().__init__()
        self.is_in, self.go_on = Event(), Event()
        self._stuck_in = stuck_in

    def get(self, chat_id):
        self._wait("get", chat_id)
        return super().get(chat_id)

    def put(self, session):
        self._wait("put", session.chat_id)
        return super().put(session)

    def _wait(self, method, chat_id):
        if (method, chat_id) == (self._stuck_in, "group") and not self.is_in.is_set():
            self.is_in.set()
            assert self.go_on.wait(PATIENCE_S)


@pytest.fixture(params=["get", "put"])
def stuck(request):
    """A manager with one thread stuck in ``get`` or ``put``, and what that thread is in."""
    store = StuckStore(request.param)
    sessions = SessionManager(store)
    MemoryStore.put(store, Session("group", "api", "/src/api", 1.0))
    stuck_in = OPERATIONS[1] if request.param == "get" else OPERATIONS[0]
    thread = Thread(target=getattr(sessions, stuck_in[0]), args=stuck_in[1])
    thread.start()
    assert store.is_in.wait(PATIENCE_S)
    yield sessions, request.param
    store.go_on.set()
    thread.join(PATIENCE_S)
    assert is_quiet(sessions)


def test_other_chats_do_not_wait_for_one_that_is_stuck(stuck):
    sessions, _ = stuck

    sessions.set_active_repo("other", "web", "/src/web")

    assert sessions.get_active_repo("other") == ("web", "/src/web")
    assert sessions.count_sessions() == 2


@pytest.mark.parametrize(("operation", "arguments"), READS + WRITES)
def test_on_one_chat_only_reads_run_side_by_side(stuck, operation, arguments):
    sessions, stuck_in = stuck
    is_side_by_side = stuck_in == "get" and (operation, arguments) in READS
    ended = Event()

    def work():
        getattr(sessions, operation)(*arguments)
        ended.set()

    thread = Thread(target=work)
    thread.start()

    assert ended.wait(PATIENCE_S if is_side_by_side else 0.05) is is_side_by_side

    sessions._store.go_on.set()
    thread.join(PATIENCE_S)


@pytest.mark.parametrize(
    ("open_store", "operations"),
    [(lambda _: MemoryStore(), 10_000), (SqliteStore, 3_000)],
    ids=["memory", "sqlite"],
)
def test_threads_lose_nothing_and_read_nothing_torn(path, in_threads, open_store, operations):
    chat_ids = [f"chat {number}" for number in range(100)]
    start = Barrier(8)

    def work(number):
        dice = random.Random(number)  # noqa: S311  no secrets, but the same each time
        start.wait(PATIENCE_S)
        for turn in range(operations):
            chat_id = dice.choice(chat_ids)
            match dice.randrange(10):
                case 0:
                    sessions.clear_session(chat_id)
                case 1:
                    sessions.touch(chat_id)
                case 2 | 3 | 4 | 5:
                    sessions.set_active_repo(chat_id, f"{number} {turn}", f"/src/{number} {turn}")
                    sessions.set_active_repo(f"own {number}", str(turn), f"/src/{turn}")
                    assert sessions.get_active_repo(f"own {number}") == (str(turn), f"/src/{turn}")
                case _:
                    session = sessions.get_session(chat_id)
                    assert session is None or session.chat_id == chat_id
                    assert session is None or session.active_repo_path == (
                        f"/src/{session.active_repo}"
                    )
        return turn

    with SessionManager(open_store(path)) as sessions:
        in_threads(work, 8)

        assert is_quiet(sessions)
        listed = sessions.list_sessions()
        assert len({session.chat_id for session in listed}) == len(listed)
        assert all(sessions.get_session(f"own {number}") for number in range(8))


def test_every_replaced_session_is_returned_exactly_once(sessions, in_threads):
    def work(number):
        return [
            sessions.set_active_repo("group", f"{number} {turn}", "/src") for turn in range(200)
        ]

    replaced = [session for results in in_threads(work, 8) for session in results]

    names = [session.active_repo for session in replaced if session]
    names.append(sessions.get_active_repo("group")[0])
    assert replaced.count(None) == 1
    assert sorted(names) == sorted(f"{number} {turn}" for number in range(8) for turn in range(200))
