import json
import subprocess
import sys

import pytest

from butler import cli, distribution

NAME = distribution.NAME
INSTALLED = distribution.version()


@pytest.fixture
def index(mocker):
    """What pip answers about the package index."""
    run = mocker.patch("subprocess.run")

    def answers(stdout="", stderr="", status=0):
        run.return_value = subprocess.CompletedProcess([], status, stdout, stderr)
        return run

    return answers


@pytest.fixture
def installed(mocker, tmp_path):
    """How Butler is installed: the folder of the environment, and the record of a checkout."""

    def installed(prefix=tmp_path, checkout=None):
        record = {"url": checkout.as_uri(), "dir_info": {"editable": True}} if checkout else {}
        found = mocker.Mock(version=INSTALLED)
        found.read_text.return_value = json.dumps(record) if record else None
        mocker.patch("importlib.metadata.distribution", return_value=found)
        mocker.patch.object(sys, "prefix", str(prefix))

    return installed


def said(capsys, *arguments):
    status = cli.main(["update", *arguments])
    out, err = capsys.readouterr()
    return status, out + err


@pytest.mark.parametrize(
    ("prefix", "way"),
    [
        ("venv", f"bin/pip install --upgrade {NAME}"),
        (f"uv/tools/{NAME}", f"uv tool upgrade {NAME}"),
        (f"pipx/venvs/{NAME}", f"pipx upgrade {NAME}"),
    ],
)
def test_the_way_to_update_is_that_of_the_installation(capsys, installed, tmp_path, prefix, way):
    installed(tmp_path / prefix)

    assert said(capsys)[1].endswith(f"{way}\n")


def test_a_checkout_is_updated_by_git(capsys, installed, tmp_path):
    installed(checkout=tmp_path / "a checkout")

    assert f"git -C '{tmp_path}/a checkout' pull, then make run there." in said(capsys)[1]


def test_nothing_is_asked_unless_it_is_wanted(capsys, installed, index):
    installed()
    run = index()

    said(capsys)

    run.assert_not_called()


def test_a_newer_version_is_named(capsys, installed, index):
    installed()
    index(f"{NAME} (9.1.0)\nAvailable versions: 9.1.0, 0.1.0\n")

    status, text = said(capsys, "--check")

    assert status == 0
    assert text.startswith(f"Butler 9.1.0 is in the package index; {INSTALLED} is")


def test_the_newest_version_is_said_to_be_it(capsys, installed, index):
    installed()
    index(f"{NAME} ({INSTALLED})\n")

    assert said(capsys, "--check") == (
        0,
        f"Butler {INSTALLED} is the newest version.\n",
    )


@pytest.mark.parametrize(
    ("stderr", "sentence"),
    [
        (f"ERROR: No matching distribution found for {NAME}", "The package index knows no"),
        ("/x/python: No module named pip", "This environment has no pip"),
        ("WARNING: Retrying … Connection refused", "The package index cannot be reached."),
    ],
)
def test_without_an_answer_there_is_one_sentence(capsys, installed, index, stderr, sentence):
    installed()
    index(stderr=stderr, status=1)

    status, text = said(capsys, "--check")

    assert status == 1
    assert text.startswith(sentence)
    assert text.count("\n") == 1


def test_an_index_that_hangs_is_not_waited_for(capsys, installed, mocker):
    installed()
    mocker.patch("subprocess.run", side_effect=subprocess.TimeoutExpired("pip", 30))

    assert said(capsys, "--check") == (1, "The package index did not answer within 30 s.\n")
