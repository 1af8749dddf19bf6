import pytest

from butler.config import loading
from butler.ops.disk_use import disk_use, lines
from butler.storage.generation import Generation
from butler_process import line, link_account, run_butler, write_config


@pytest.fixture
def config(tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    return write_config(tmp_path)


@pytest.fixture
def data(config):
    return config.parent / "data"


def found(config):
    return {each.path: each for each in disk_use(loading.read(config))}


def test_every_file_that_butler_writes_has_a_limit(config, data):
    run_butler("console", "--jsonl", "--config", config, text=line("/use api"))
    link_account(data)
    Generation(data).settle()

    use = found(config)

    assert {"sessions.sqlite3", "records.sqlite3", "runs.sqlite3", "console.sqlite3"} <= use.keys()
    assert not [each for each in use.values() if each.limit.startswith("not Butler's")]


def test_a_log_in_the_data_folder_has_its_limit(config, data):
    config.write_text('log.file = "data/butler.log"\nlog.max_mb = 3\n' + config.read_text())
    for name in ("butler.log", "butler.log.1", "butler.log.4"):
        (data / name).touch()

    use = found(config)

    assert use["butler.log"].limit == use["butler.log.1"].limit == "3 MB ([log] max_mb)"
    assert use["butler.log.4"].limit.startswith("not Butler's")


def test_a_file_that_nothing_removes_is_said_to_be_one(config, data):
    (data / "runs.sqlite3.old").write_bytes(b"x" * 3_000_000)

    first = next(iter(found(config).values()))

    assert (first.path, first.size) == ("runs.sqlite3.old", 3_000_000)
    assert first.limit.startswith("not Butler's")


def test_the_files_of_a_database_and_of_a_folder_are_one_line(config, data):
    for name in ("runs.sqlite3", "runs.sqlite3-wal"):
        (data / name).write_bytes(b"x" * 1_000)
    (data / "snapshots" / "api" / "objects").mkdir(parents=True)
    for name in ("a", "objects/b"):
        (data / "snapshots" / "api" / name).write_bytes(b"x" * 10)

    use = found(config)

    assert use["runs.sqlite3"].size == 2_000
    assert use["snapshots/"].size == 20
    assert len(use) == 2


def test_a_link_is_not_followed(config, data, tmp_path):
    (tmp_path / "large").write_bytes(b"x" * 1_000_000)
    (data / "link").symlink_to(tmp_path / "large")

    assert found(config)["link"].size < 1_000


def test_the_limits_are_those_of_the_configuration(config, data):
    with config.open("a") as file:
        file.write('[records]\nmax_mb = 7\nkeep = "30d"\n[sessions]\nexpire_after = "12h"\n')
    for name in ("records.sqlite3", "sessions.sqlite3"):
        (data / name).touch()

    use = found(config)

    assert use["records.sqlite3"].limit == "7 MB, 30 days ([records] max_mb, keep)"
    assert "at most 12 h idle" in use["sessions.sqlite3"].limit


def test_the_table_ends_with_the_sum(config, data):
    (data / "runs.sqlite3").write_bytes(b"x" * 2_500_000)

    shown = run_butler("status", "--disk", "--config", config).stdout.splitlines()

    assert shown[0].split()[:3] == ["runs.sqlite3", "2.5", "MB"]
    assert shown[-1].split() == ["in", "all", "2.5", "MB"]


def test_an_empty_folder_is_a_sum_of_nothing(config):
    assert lines(disk_use(loading.read(config))) == ["in all         0.0 MB"]
