"""`butler service` with a service manager that says how it was called."""

import json
import os
import plistlib
import shlex
import shutil
import subprocess
import sys

import pytest

from butler import cli
from butler.ops.service import Launchd
from butler.ops.service_units import launchd_plist, systemd_unit
from butler.transports.whatsapp import MOVED
from butler_process import link_account, write_config


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """Put a service manager on the PATH that does nothing but note its calls."""
    programs, calls = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()

    def manager(status=0, stderr=""):
        for name in ("systemctl", "journalctl", "launchctl"):
            program = programs / name
            program.write_text(
                f'#!/bin/sh\necho "$(basename "$0") $@" >> {shlex.quote(str(calls))}\n'
                f"echo {shlex.quote(stderr)} >&2\nexit {status}\n"
            )
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.defpath}")
        return lambda: calls.read_text().splitlines()

    return manager


@pytest.fixture
def unit(monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(sys, "platform", "linux")
    return home / ".config" / "systemd" / "user" / "butler.service"


def service(capsys, config, *arguments):
    status = cli.main(["service", *arguments, "--config", str(config)])
    out, err = capsys.readouterr()
    return status, out + err


def test_installing_writes_a_unit_and_starts_it(capsys, tmp_path, manager, unit):
    calls, config = manager(), write_config(tmp_path)
    link_account(tmp_path / "data")

    status, said = service(capsys, config, "install")

    text = unit.read_text()
    for line in (
        "Type=notify",
        "WatchdogSec=60",
        "RestartPreventExitStatus=2",
        "KillMode=mixed",
        f'Environment="PATH={os.environ["PATH"]}"',
        f'ExecStart="{sys.executable}" "-P" "-m" "butler" "run" "--config" "{config}"',
    ):
        assert line in text.splitlines()
    assert calls() == [
        "systemctl --user daemon-reload",
        "systemctl --user enable butler",
        "systemctl --user restart butler",
    ]
    assert status == 0
    assert "It runs now" in said
    assert "loginctl enable-linger" in said


def test_without_a_link_it_is_not_started_and_says_what_is_next(capsys, tmp_path, manager, unit):
    calls = manager()

    status, said = service(capsys, write_config(tmp_path), "install")

    assert status == 0
    assert "Next: butler pair, then: systemctl --user start butler" in said
    assert not any("restart" in each for each in calls())


def test_where_the_link_was_moved_it_is_not_started_and_says_why(capsys, tmp_path, manager, unit):
    calls = manager()
    link_account(tmp_path / "data")
    (tmp_path / "data" / "whatsapp" / MOVED).touch()

    _status, said = service(capsys, write_config(tmp_path), "install")

    assert "moved the link to WhatsApp elsewhere" in said
    assert "then: systemctl --user start butler" in said
    assert not any("restart" in each for each in calls())


def test_a_service_manager_that_does_not_answer_is_quoted(capsys, tmp_path, manager, unit):
    manager(1, "Failed to connect to bus: No medium found")

    status, said = service(capsys, write_config(tmp_path), "install")

    assert status == 1
    assert "Failed to connect to bus: No medium found" in said
    assert "Log in as this user itself, not by su or sudo" in said
    assert unit.exists()


def test_without_a_service_manager_uninstalling_says_how_to_delete_it(
    capsys, tmp_path, manager, unit
):
    manager(1, "Failed to connect to bus: No medium found")
    config = write_config(tmp_path)
    service(capsys, config, "install")

    status, said = service(capsys, config, "uninstall")

    assert status == 1
    assert f"If no systemd runs here: rm {unit}" in said
    assert unit.exists()


@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_a_unit_that_a_person_wrote_is_kept(capsys, tmp_path, manager, unit, action):
    manager()
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=butler run\n")

    status, said = service(capsys, write_config(tmp_path), action)

    assert status == 2
    assert "was written by somebody else" in said
    assert unit.read_text() == "[Service]\nExecStart=butler run\n"


def test_what_was_installed_is_shown_and_removed(capsys, tmp_path, manager, unit):
    calls, config = manager(), write_config(tmp_path)
    service(capsys, config, "install")

    done = [service(capsys, config, each)[0] for each in ("status", "logs", "uninstall", "status")]

    assert done == [0, 0, 0, 2]
    assert calls()[2:] == [
        "systemctl --user --no-pager status butler",
        "journalctl --user --unit butler --lines 200 --no-pager",
        "systemctl --user disable --now butler",
    ]
    assert not unit.exists()


def test_a_mistake_in_the_configuration_keeps_it_from_being_installed(
    capsys, tmp_path, manager, unit
):
    manager()

    assert service(capsys, write_config(tmp_path, "prefix = 1\n"), "install")[0] == 2
    assert not unit.exists()


NASTY = ['/a b/$HOME/100%/"quoted"/back\\slash', "-m", "ü", "line\nbreak"]


def test_launchd_reads_back_the_words_of_the_command():
    found = plistlib.loads(launchd_plist(NASTY[:3], "/usr/bin:/opt/x y"))

    assert found["ProgramArguments"] == NASTY[:3]
    assert found["EnvironmentVariables"] == {"PATH": "/usr/bin:/opt/x y"}
    assert found["KeepAlive"] == {"SuccessfulExit": False}


def test_on_macos_a_log_needs_a_file(tmp_path):
    assert Launchd(tmp_path / "log").logs(follows=True)[-1] == str(tmp_path / "log")


def test_systemd_gets_the_words_of_the_command_whatever_is_in_them():
    unit = systemd_unit(NASTY, "/usr/bin:/100%")

    (command,) = [each for each in unit.splitlines() if each.startswith("ExecStart=")]
    assert command == (
        'ExecStart="/a b/$$HOME/100%%/\\"quoted\\"/back\\\\slash" "-m" "ü" "line\\x0abreak"'
    )
    assert 'Environment="PATH=/usr/bin:/100%%"' in unit.splitlines()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_every_line_of_the_unit(tmp_path):
    path = tmp_path / "butler.service"
    path.write_text(systemd_unit([sys.executable, "-m", "butler", "run"], os.defpath))

    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--json=short", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    # What it does not know or cannot read in a unit is a line on stderr.
    assert done.stderr == ""
    assert done.returncode == 0
    umask = [each for each in json.loads(done.stdout) if each["name"].startswith("UMask")]
    assert umask[0]["set"] is True
