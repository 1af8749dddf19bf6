"""A sandbox as a command line of bubblewrap: a pure function of its description.

The options that no sandbox goes without:

- ``--cap-drop ALL``: root could otherwise unmount what hides, and make the host writable again.
- ``/proc/sys`` read-only on top of ``--proc``: uid 0 could otherwise write ``core_pattern``, which
  names a program that the host runs.
- ``--die-with-parent`` and a process namespace: the end of bubblewrap is the end of everything.
- ``--new-session``: the sandbox could otherwise type into the terminal that started Butler.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MEMORY_FOLDER_BYTES = 1_000_000_000
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a mount point in the sandbox


@dataclass(frozen=True, slots=True)
class Bind:
    """A bind mount of a host's file or folder, at the same path unless ``target`` is given."""

    source: Path
    is_writable: bool = False
    target: Path | None = None

    def options(self) -> tuple[str, ...]:
        """Return the options for the mount."""
        kind = "--bind" if self.is_writable else "--ro-bind"
        return (kind, str(self.source), str(self.target or self.source))


@dataclass(frozen=True, slots=True)
class Empty:
    """An empty folder in memory that hides the host's folder."""

    target: Path
    is_writable: bool = False
    is_for_everybody: bool = False

    def options(self) -> tuple[str, ...]:
        """Return the options for the mount, writable until the last mount point is made."""
        permissions = ("--perms", "1777" if self.is_for_everybody else "0755")
        return (*permissions, "--size", str(MEMORY_FOLDER_BYTES), "--tmpfs", str(self.target))


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: Path
    to: str

    def options(self) -> tuple[str, ...]:
        """Return the options for the link."""
        return ("--symlink", self.to, str(self.target))


Mount = Bind | Empty | Link


def place_of(mount: Mount) -> Path:
    """Return where a mount is in the sandbox."""
    return mount.target or mount.source if isinstance(mount, Bind) else mount.target


WHOLE_SYSTEM: tuple[Mount, ...] = (Bind(Path("/")),)


@dataclass(frozen=True, slots=True)
class Box:
    """The description of a sandbox.

    Attributes:
        folder: The working folder of its program.
        mounts: The mounts in order; later ones cover earlier ones.
        system: The first mounts; by default the whole system, read-only.
        has_network: Share the host's network; otherwise it has only its own loopback.
        launcher: A command in the sandbox that starts the program.
        unset: Variables that the sandbox's own environment has and the program's has not.
    """

    folder: Path
    mounts: tuple[Mount, ...] = ()
    system: tuple[Mount, ...] = WHOLE_SYSTEM
    has_network: bool = True
    launcher: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()


def command_line(bwrap: str, box: Box, command: Sequence[str]) -> list[str]:
    """Return the command that runs ``command`` in ``box``."""
    return [
        bwrap,
        *("--unshare-user", "--disable-userns", "--cap-drop", "ALL"),
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *(() if box.has_network else ("--unshare-net",)),
        *("--die-with-parent", "--new-session"),
        *_options(box.system),
        *("--dev", "/dev"),
        *Empty(_SHARED_MEMORY, is_writable=True, is_for_everybody=True).options(),
        *("--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"),
        *_options(box.mounts),
        *("--remount-ro", "/dev"),
        *_closed(box.mounts),
        *(word for name in box.unset for word in ("--unsetenv", name)),
        *("--chdir", str(box.folder), "--"),
        *box.launcher,
        *command,
    ]


def _options(mounts: Iterable[Mount]) -> Iterator[str]:
    return (option for mount in mounts for option in mount.options())


def _closed(mounts: Iterable[Mount]) -> Iterator[str]:
    """Yield the options that make the empty folders read-only after all other mounts."""
    for mount in mounts:
        if isinstance(mount, Empty) and not mount.is_writable:
            yield from ("--remount-ro", str(mount.target))


def shows(mounts: Sequence[Mount], path: Path) -> bool:
    """Return whether the host's ``path`` is visible under ``mounts``."""
    for mount in reversed(mounts):
        if path.is_relative_to(place_of(mount)):
            return isinstance(mount, Bind)
    return True


def held(guards: Iterable[Mount], roots: Sequence[Path]) -> Iterator[Mount]:
    """Yield the mounts that hold the folders above what is guarded where they are.

    A folder could else be moved away with the mounts in it, and another one take its place. A mount
    point cannot be moved, so each folder below a writable root is bound onto itself.

    Args:
        guards: The mounts that hide, or make read-only.
        roots: The writable mounts around them.
    """
    places = [place_of(each) for each in guards]
    guarded, held_ones = set(places), set[Path]()
    for place in places:
        around = [root for root in roots if place.is_relative_to(root)]
        root = max(around, key=lambda each: len(each.parts), default=place)
        for parent in reversed(place.parents):
            if parent == root or not parent.is_relative_to(root):
                continue
            if parent in guarded:
                break
            if parent not in held_ones and parent.is_dir():
                held_ones.add(parent)
                yield Bind(parent, is_writable=True)
