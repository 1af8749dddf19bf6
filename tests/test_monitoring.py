"""The alerts and the dashboard in the documentation, checked by Prometheus' own tool."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from butler.ops.metrics.daemon import DaemonCollector
from butler.ops.metrics.messages import MessageFigures
from butler.ops.metrics.prometheus import PrometheusMeter
from butler.storage.files import private_folder
from butler.transports.whatsapp import LinkState
from butler.transports.whatsapp.journal.database import FILE_NAME, Journal
from butler.transports.whatsapp.protocol.frames import Health
from butler_run.runs.figures import RunFigures

FOLDER = Path(__file__).parents[1] / "docs" / "monitoring"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)


def promtool(*arguments, text=None):
    ended = subprocess.run(
        [PROMTOOL, *arguments],
        input=text,
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture
def registry(tmp_path):
    """All figures that Butler has."""
    meter = PrometheusMeter()
    MessageFigures(meter)
    RunFigures(meter.within("run"), lambda: 0, lambda: 0)
    state = LinkState("connected", 5.0, health=Health(clock_ahead_s=0.1, acknowledged_in_s=0.04))
    with Journal(private_folder(tmp_path / "whatsapp") / FILE_NAME):
        pass
    meter.registry.register(DaemonCollector(tmp_path, lambda: state, lambda: 0, dict))
    return meter.registry


def expressions():
    dashboard = json.loads((FOLDER / "grafana.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


@needs_promtool
def test_the_alerts_are_valid_and_fire_when_they_should():
    assert promtool("check", "rules", "alerts.yml")[0] == 0
    status, said = promtool("test", "rules", "alerts_test.yml")
    assert (status, "SUCCESS" in said) == (0, True), said


@needs_promtool
def test_the_expressions_of_the_dashboard_are_valid(tmp_path):
    rules = [
        {"record": f"panel:{number}", "expr": each.replace("$__rate_interval", "5m")}
        for number, each in enumerate(expressions())
    ]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))

    status, said = promtool("check", "rules", str(path))
    assert status == 0, said


@needs_promtool
def test_the_metrics_are_named_as_is_usual(registry):
    status, said = promtool("check", "metrics", text=generate_latest(registry).decode())
    assert (status, said) == (0, "")


def test_alerts_and_dashboard_ask_only_for_what_butler_has(registry):
    known = {f"{sample.name}" for metric in registry.collect() for sample in metric.samples}
    # What has labels has no sample before its first event.
    known |= {
        f"{metric.name}{ending}"
        for metric in registry.collect()
        for ending in ("", "_total", "_bucket", "_count")
    }
    texts = [*expressions(), *re.findall("expr: (.*)", (FOLDER / "alerts.yml").read_text())]
    asked = {name for text in texts for name in re.findall(r"butler_\w+", text)}

    assert asked
    assert asked <= known


def test_the_documentation_lists_every_metric(registry):
    text = (FOLDER.parent / "operations.md").read_text().partition("## The log")[0]
    listed = {
        name
        for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
        for name in re.findall(r"`(\w+)", row)
    }
    counters = ((each.name, "_total" * (each.type == "counter")) for each in registry.collect())
    names = {f"{name.removeprefix('butler_')}{ending}" for name, ending in counters}

    assert {each for each in names if not each.startswith("process_")} - listed == set()
