"""What the documents say is true."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from butler.app import read_setup

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PLUGIN_GUIDE = (ROOT / "docs" / "writing-a-plugin.md").read_text()


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_the_plugin_of_the_guide_passes_the_tests_of_the_guide(tmp_path):
    plugin, conftest_and_test = blocks(PLUGIN_GUIDE, "python")
    entry_point = blocks(PLUGIN_GUIDE, "toml")[0].replace('project.entry-points."', "")
    conftest, test = conftest_and_test.split("# test_greet.py\n")
    metadata = tmp_path / "greet-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: greet\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        entry_point.replace('"]', "]").replace('"greet', "greet").replace('"', "")
    )
    (tmp_path / "greet_plugin.py").write_text(plugin)
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_greet.py").write_text(f"import pytest\n{test}")

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "1 passed" in result.stdout, result.stdout + result.stderr


@pytest.fixture(scope="module")
def commands():
    setup = read_setup(ROOT / "config.example.toml")
    return {name: command for command in setup.router.commands for name in command.names}


def test_the_readme_names_every_command_and_no_other(commands):
    table = README.split("## Commands in a chat")[1].split("## Commands in a terminal")[0]
    named = set(re.findall(r"/([a-z]+)", re.sub(r"`[^`]*\|", "", table)))

    assert named <= set(commands)
    assert {command.name for command in commands.values()} <= named


def test_the_readme_names_every_sub_command():
    from butler.cli import _parser

    table = README.split("## Commands in a terminal")[1].split("## Configuration")[0]
    named = set(re.findall(r"`butler ([a-z]+)", table))
    (actions,) = [each for each in _parser()._actions if each.choices]

    assert named == set(actions.choices)


def test_the_files_that_the_readme_links_to_are_there():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_shortest_configuration_of_the_readme_is_one(tmp_path):
    (config,) = [each for each in blocks(README, "toml") if "repo_folders" in each]
    (tmp_path / "config.toml").write_text(config)

    assert read_setup(tmp_path / "config.toml").config.repo_folders
