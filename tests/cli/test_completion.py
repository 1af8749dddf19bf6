import subprocess

import pytest

from butler import cli
from butler.cli.parser import make_parser


@pytest.fixture
def script(capsys, tmp_path):
    """Writes the script for a shell to a file."""

    def script(shell):
        assert cli.main(["completion", shell]) == 0
        path = tmp_path / f"completion.{shell}"
        path.write_text(capsys.readouterr().out)
        return path

    return script


def completed(script, *words):
    """Return what bash offers for the last of the words."""
    asked = (
        f"source {script}; COMP_WORDS=({' '.join(repr(word) for word in words)}); "
        f"COMP_CWORD={len(words) - 1}; _shtab_butler; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    run = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_bash_completes_commands_and_their_options(script):
    path = script("bash")

    assert {"backup", "restore", "run"} <= completed(path, "butler", "")
    assert completed(path, "butler", "resto") == {"restore"}
    assert "--recipient" in completed(path, "butler", "backup", "--")


def test_bash_completes_files_where_a_file_is_wanted(script, tmp_path):
    (tmp_path / "some.toml").touch()

    offered = completed(script("bash"), "butler", "check", "--config", f"{tmp_path}/so")

    assert offered == {f"{tmp_path}/some.toml"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_every_command(script, shell):
    text = script(shell).read_text()

    commands = next(
        action.choices for action in make_parser()._actions if action.metavar == "COMMAND"
    )
    for name in commands:
        assert name in text
