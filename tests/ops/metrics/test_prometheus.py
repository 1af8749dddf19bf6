"""Figures in the form that Prometheus reads."""

import asyncio
import socket
import stat
import time
from contextlib import closing
from urllib.request import urlopen

import pytest
from prometheus_client import generate_latest

from butler.app import read_setup
from butler.errors import ConfigError
from butler.ops.metrics import publishing as publishing_module
from butler.ops.metrics.daemon import DaemonCollector
from butler.ops.metrics.measuring import Measures, measures_of
from butler.ops.metrics.prometheus import MOST_SERIES, PrometheusMeter
from butler.ops.metrics.publishing import publishing, write_textfile
from butler.transports.whatsapp import LinkState
from butler.transports.whatsapp.protocol.frames import Health
from butler_process import write_config
from whatsapp_daemon import eventually


@pytest.fixture
def meter():
    return PrometheusMeter()


def free_port():
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def metrics(tmp_path, keys):
    return read_setup(write_config(tmp_path, f"[metrics]\n{keys}\n")).config.metrics


async def answer(port):
    def look():
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
            return response.read().decode()

    return await asyncio.to_thread(look)


def test_labels_cannot_grow_without_limit(meter):
    count = meter.counter("x", "X.", ("word",))
    for number in range(MOST_SERIES + 50):
        count(str(number))

    value = meter.registry.get_sample_value
    assert value("butler_x_total", {"word": "0"}) == 1
    assert value("butler_x_total", {"word": "other"}) == 50


def test_the_figures_of_a_plugin_begin_with_its_name(meter):
    meter.within("my-plugin").counter("things", "Things.")(amount=3)

    assert meter.registry.get_sample_value("butler_my_plugin_things_total") == 3


def test_a_daemon_shows_its_link_its_workers_and_its_room(meter, tmp_path):
    state = LinkState(
        *("waiting", 5.0, "It died."), restarts=7, health=Health(("a@g.us",), 1, True, 90.0)
    )
    meter.registry.register(
        DaemonCollector(tmp_path, lambda: state, lambda: 2, lambda: {"a": True, "b": False})
    )

    value = meter.registry.get_sample_value
    assert value("butler_link_state", {"state": "waiting"}) == 1
    assert value("butler_link_state", {"state": "connected"}) == 0
    assert value("butler_gateway_restarts_total") == 7
    assert value("butler_link_deaf") == 1
    assert value("butler_chats_set_aside") == 1
    assert value("butler_clock_ahead_seconds") == 90
    assert value("butler_records_waiting") == 2
    assert value("butler_workers", {"state": "away"}) == 1
    assert value("butler_workers", {"state": "online"}) == 1
    assert value("butler_free_bytes") > 0
    assert abs(value("butler_updated_seconds") - time.time()) < 60
    assert value("butler_journal_backlog") is None


def test_a_damaged_journal_hides_only_its_own_figures(meter, tmp_path):
    (tmp_path / "whatsapp").mkdir()
    (tmp_path / "whatsapp" / "journal.sqlite3").write_bytes(b"no database" * 100)
    state = LinkState("connected", 5.0)
    meter.registry.register(DaemonCollector(tmp_path, lambda: state, lambda: 0, dict))

    assert meter.registry.get_sample_value("butler_journal_backlog") is None
    assert meter.registry.get_sample_value("butler_link_state", {"state": "connected"}) == 1


async def test_they_are_served_until_the_end(meter, tmp_path):
    port = free_port()
    meter.counter("x", "X.")()
    async with publishing(metrics(tmp_path, f'listen = "127.0.0.1:{port}"'), meter.registry):
        await eventually(lambda: is_taken(port))
        assert "butler_x_total 1.0" in await answer(port)

    assert not is_taken(port)


def is_taken(port):
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_a_taken_port_is_said_once_and_taken_when_it_is_free(meter, tmp_path, caplog, mocker):
    mocker.patch.object(publishing_module, "RETRY_S", 0.01)
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        config = metrics(tmp_path, f'listen = "127.0.0.1:{port}"')
        async with publishing(config, meter.registry):
            await eventually(lambda: caplog.records)
            other.close()
            await eventually(lambda: is_taken(port))

    said = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert said == [
        f"metrics are not served: 127.0.0.1:{port}: Address already in use; choose another "
        "`listen` in [metrics], or end what has it (tried again every minute)"
    ]


async def test_a_file_is_written_for_node_exporter_which_is_another_user(meter, tmp_path):
    meter.counter("x", "X.")()
    path = tmp_path / "butler.prom"
    async with publishing(metrics(tmp_path, 'textfile = "butler.prom"'), meter.registry):
        await eventually(path.exists)

    assert "butler_x_total 1.0" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.glob("*prom*")] == ["butler.prom"]


async def test_a_file_that_cannot_be_written_stops_nothing(meter, tmp_path, caplog):
    config = metrics(tmp_path, 'textfile = "missing/butler.prom"')
    async with publishing(config, meter.registry):
        await eventually(lambda: caplog.records)

    assert "metrics are not written: [Errno 2] No such file or directory" in caplog.text


def test_a_file_has_no_names_that_node_exporter_has_itself(meter, tmp_path):
    write_textfile(tmp_path / "x.prom", meter.registry)

    names = [each for each in (tmp_path / "x.prom").read_text().splitlines() if each[0] != "#"]
    assert names
    assert all(each.startswith("butler_") for each in names)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('listen = "9464"', 'metrics.listen: expected an address and a port such as "127.0'),
        ('listen = "127.0.0.1"', 'metrics.listen: expected an address and a port such as "127.0'),
        ('listen = "127.0.0.1:99999"', "metrics.listen: expected an address and a port"),
        ('listen = "http://127.0.0.1:1"', "metrics.listen: expected an address and a port"),
        ('textfile = "x.txt"', "textfile must end in .prom, as node_exporter reads no other file"),
    ],
)
def test_what_is_no_address_or_file_is_refused(tmp_path, keys, said):
    with pytest.raises(ConfigError) as refused:
        metrics(tmp_path, keys)

    assert said in str(refused.value)


def test_a_missing_package_is_named_with_the_way_to_it(tmp_path, mocker):
    setup = read_setup(write_config(tmp_path, '[metrics]\nlisten = "127.0.0.1:9464"\n'))
    mocker.patch.dict("sys.modules", {"butler.ops.metrics.prometheus": None})

    with pytest.raises(ConfigError, match=r"\[metrics\] needs: pip install 'butler-whatsapp\[met"):
        measures_of(setup)


def test_where_nobody_asks_nothing_is_measured(tmp_path):
    setup = read_setup(write_config(tmp_path))
    measures = measures_of(setup)

    assert type(measures) is Measures
    assert measures.of_setup(setup) is setup
    assert measures.of_records(setup) is setup
    assert measures.of_transport(setup) is setup


def test_a_meter_without_figures_can_be_read():
    assert generate_latest(PrometheusMeter().registry)
