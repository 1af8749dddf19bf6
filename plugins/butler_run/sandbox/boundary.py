"""What a run may reach and use up, as the configuration says it."""

from dataclasses import dataclass, field
from pathlib import Path

from butler_run.agents import HomeFolder

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take of the machine.

    Attributes:
        memory_mb: How much memory; of each process, where there is no manager of control groups.
        processes: How many processes and threads at a time.
        disk_mb: How much it may add to the disk in sum.
        file_mb: How long one file of it may be.
    """

    memory_mb: int = 8_000
    processes: int = 1_000
    disk_mb: int = 10_000
    file_mb: int = 4_000


@dataclass(frozen=True, slots=True)
class Boundary:
    """What is around the runs of one agent in one repo.

    Attributes:
        is_boxed: They run in a sandbox.
        hosts: The hosts that they can reach; None is the whole network.
        limits: What they may take.
        home: What they get of the home folder.
        readable: What else they get.
        writable: What else they get and can write.
        is_trusted: The repo's own settings for Codex may be read.
    """

    is_boxed: bool = True
    hosts: tuple[str, ...] | None = None
    limits: Limits = field(default_factory=Limits)
    home: HomeFolder = field(default_factory=HomeFolder)
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    is_trusted: bool = False
