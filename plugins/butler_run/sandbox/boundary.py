"""The configured boundary of a run: sandbox, network and resource limits."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from butler_run.agents import HomeFolder

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The resource limits of a run.

    Attributes:
        memory_mb: Maximum memory in total; per process without a user's systemd.
        processes: Maximum number of concurrent processes and threads.
        disk_mb: Maximum total of data added to the disk.
        file_mb: Maximum size of a file.
    """

    memory_mb: int = 8_000
    processes: int = 1_000
    disk_mb: int = 10_000
    file_mb: int = 4_000


@dataclass(frozen=True, slots=True)
class Boundary:
    """The boundary of one agent's runs in one repo.

    Attributes:
        is_boxed: They run in a sandbox.
        hosts: The hosts that they can reach; None for the whole network.
        limits: Their resource limits.
        home: The parts of the home folder that they get.
        readable: Additional readable folders.
        writable: Additional writable folders.
        outbox: The folder for what the run sends, writable, too; it is removed at the end.
        is_trusted: Codex may read the repo's own settings.
    """

    is_boxed: bool = True
    hosts: tuple[str, ...] | None = None
    limits: Limits = field(default_factory=Limits)
    home: HomeFolder = field(default_factory=HomeFolder)
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    outbox: Path | None = None
    is_trusted: bool = False

    def with_folders(self, inbox: Path, outbox: Path) -> "Boundary":
        """Return the same with the folders for what the run gets, and for what it sends."""
        return replace(self, readable=(*self.readable, inbox), outbox=outbox)

    @property
    def outboxes(self) -> tuple[Path, ...]:
        """The outbox, if there is one."""
        return () if self.outbox is None else (self.outbox,)
