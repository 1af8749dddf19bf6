"""Which process is which: an id alone is used again, at the latest when the machine restarts."""

from pathlib import Path

_START_TIME = 19
"""Its place in /proc/<id>/stat behind the name, see proc_pid_stat(5)."""


def name_of(process_id: int) -> str:
    """Return what no other process was or will be called; nothing where there is none to be seen.

    Reads /proc, which is not on a disk; where there is none, as on macOS, nothing can be seen.
    """
    try:
        stat = Path(f"/proc/{process_id}/stat").read_bytes()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    return f"{process_id} {stat.rpartition(b')')[2].split()[_START_TIME].decode()} {boot}"


def is_there(name: str) -> bool:
    """Return whether the process that was called ``name`` goes on."""
    process_id = name.partition(" ")[0]
    return process_id.isdecimal() and name == name_of(int(process_id))
