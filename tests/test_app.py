"""What the composition root does about plugins that break down."""

import pytest

from butler.app import read_setup
from butler.errors import PluginError, UserError
from butler.ops.checks import findings
from butler.testing import open_chat
from butler_process import write_config


@pytest.mark.parametrize(
    ("error", "expected", "said"),
    [
        (ValueError("no"), PluginError, "plugin 'session' does not start: ValueError: no"),
        (UserError("I say it myself."), UserError, "I say it myself."),
    ],
)
async def test_a_plugin_that_cannot_be_entered_stops_the_start_with_one_sentence(
    tmp_path, mocker, error, expected, said
):
    mocker.patch("butler_session.SessionPlugin.__aenter__", side_effect=error)

    with pytest.raises(expected) as refused:
        async with open_chat(read_setup(write_config(tmp_path))):
            pass

    assert str(refused.value) == said


def test_a_plugin_whose_own_check_fails_is_wrong_and_hides_nothing_else(tmp_path, mocker):
    mocker.patch("butler_session.SessionPlugin.findings", side_effect=ValueError("no"))

    found = [str(each) for each in findings(read_setup(write_config(tmp_path)))]

    assert "WRONG  plugin session its own check failed: ValueError: no" in found
    assert any("neonize" in each for each in found)
