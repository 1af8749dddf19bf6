"""What `butler check` says of the metrics."""

import pytest

from butler.app import read_setup
from butler.ops.metrics import checks
from butler.ops.metrics.checks import metrics_findings
from butler_process import write_config


def findings(tmp_path, keys):
    config = read_setup(write_config(tmp_path, keys)).config.metrics
    return [(each.word, each.detail) for each in metrics_findings(config)]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_the_address_is_shown(tmp_path, host):
    assert findings(tmp_path, f'[metrics]\nlisten = "{host}:9464"') == [("ok", f"{host}:9464")]


def test_an_address_that_others_reach_is_noted(tmp_path):
    said = "whoever reaches 0.0.0.0:9464 can read them; 127.0.0.1 is for this machine only"

    assert findings(tmp_path, '[metrics]\nlisten = "0.0.0.0:9464"') == [("note", said)]


def test_a_missing_package_is_a_problem(tmp_path, mocker):
    mocker.patch.object(checks, "find_spec", return_value=None)

    ((word, said),) = findings(tmp_path, '[metrics]\nlisten = "127.0.0.1:9464"')

    assert (word, said) == ("WRONG", "needs: pip install 'butler-whatsapp[metrics]'")


def test_nothing_is_said_where_nobody_asks_for_metrics(tmp_path):
    assert findings(tmp_path, "") == []
