"""Unique names of processes, as process ids are reused, at the latest after a reboot."""

from pathlib import Path

_START_TIME = 19
"""Its place in /proc/<id>/stat behind the name, see proc_pid_stat(5)."""


def name_of(process_id: int) -> str:
    """Return a name that no other process ever has; empty if it cannot be determined.

    Reads /proc, which does not block; systems without it, such as macOS, have no names.
    """
    try:
        stat = Path(f"/proc/{process_id}/stat").read_bytes()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    return f"{process_id} {stat.rpartition(b')')[2].split()[_START_TIME].decode()} {boot}"


def id_in(name: str) -> int:
    """Return the id of the process with this name; 0 if the name is empty."""
    process_id = name.partition(" ")[0]
    return int(process_id) if process_id.isdecimal() else 0


def is_there(name: str) -> bool:
    """Return whether the process with this name is still running."""
    process_id = id_in(name)
    return process_id != 0 and name == name_of(process_id)
