"""The command line of a sandbox, and what holds in it."""

import subprocess
from pathlib import Path

import pytest

from butler_run.sandbox.bubblewrap import Bind, Box, Empty, Link, command_line, shows
from butler_run.sandbox.probe import find


@pytest.fixture
def inside():
    """Run a shell command in a sandbox and return what it wrote, errors included."""

    def ran(script, *mounts, **box):
        command = command_line(find().program, Box(Path("/"), mounts, **box), ["sh", "-c", script])
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
        )
        return done.stdout + done.stderr

    return ran


def test_the_system_is_there_and_cannot_be_written(inside):
    assert "Read-only file system" in inside("touch /usr/made; test -x /bin/sh && echo shell")
    assert "shell" in inside("test -x /bin/sh && echo shell")


def test_an_empty_folder_hides_and_a_bind_shows_again(inside, tmp_path):
    (tmp_path / "hidden").write_text("secret")
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "file").write_text("seen")

    said = inside(
        f"cd {tmp_path} && ls && cat shown/file && touch made; touch shown/made",
        Empty(tmp_path),
        Bind(tmp_path / "shown"),
    )

    assert said.splitlines()[0] == "shown"
    assert said.count("Read-only file system") == 2
    assert "seen" in said


def test_what_is_writable_is_written_to_the_host_or_to_memory(inside, tmp_path):
    said = inside(
        f"echo hi > {tmp_path}/made && echo hi > /tmp/scratch && cat /tmp/scratch",
        Empty(Path("/tmp"), is_writable=True, is_for_everybody=True),
        Bind(tmp_path, is_writable=True),
        Link(Path("/tmp/link"), "scratch"),
    )

    assert said == "hi\n"
    assert (tmp_path / "made").read_text() == "hi\n"
    assert not Path("/tmp/scratch").exists()


def test_not_even_root_can_write_the_kernels_settings_or_lift_a_mount(inside, tmp_path):
    said = inside(
        f"echo x > /proc/sys/kernel/core_pattern; umount -l {tmp_path}; "
        "mount -o remount,bind,rw /; touch /dev/made; unshare -U true",
        Empty(tmp_path),
    )

    assert "cannot create /proc/sys/kernel/core_pattern: Read-only file system" in said
    assert "umount" in said
    assert "cannot touch '/dev/made': Read-only file system" in said
    assert "unshare" in said
    assert "not" in said.split("mount:")[-1]


def test_no_process_of_the_host_is_to_be_seen(inside):
    assert inside("ls /proc | grep -c '^[0-9]'").strip() in {"3", "4", "5"}


def test_without_network_there_is_a_loopback_and_nothing_else(inside):
    said = inside("tail -n +3 /proc/net/dev | cut -d: -f1", has_network=False)

    assert said.split() == ["lo"]


def test_the_launcher_starts_the_program(inside):
    assert inside("echo $A", launcher=("env", "A=from the launcher")) == "from the launcher\n"


@pytest.mark.parametrize(
    ("path", "is_shown"),
    [("/usr/bin", True), ("/home/anna", False), ("/home/anna/code/x", True), ("/homestead", True)],
)
def test_the_last_mount_above_a_path_decides_whether_it_shows(path, is_shown):
    mounts = (Empty(Path("/home")), Bind(Path("/home/anna/code")))

    assert shows(mounts, Path(path)) is is_shown
