"""A sandbox for git alone: the system's programs, one working copy, and nothing to reach."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from butler_run.sandbox.bubblewrap import Bind, Box, Empty, Link, Mount

_PROGRAMS = Path("/usr")
# Links into /usr where its folders are merged, folders of their own elsewhere.
_BESIDE = tuple(map(Path, ("/bin", "/sbin", "/lib", "/lib64")))
_SCRATCH = Path("/tmp")  # noqa: S108 - a mount point in the sandbox


def git_box(folder: Path, *, readable: Iterable[Path] = (), writable: Iterable[Path] = ()) -> Box:
    """Look at the disk: return a box in which git can read ``folder``.

    Its environment is the caller's: ``HOME`` is best ``/tmp``, which is empty.

    Args:
        folder: The working copy.
        readable: What else it needs, such as the git folder that a linked worktree shares.
        writable: What it writes, such as its own index.
    """
    mounts: list[Mount] = [Empty(_SCRATCH, is_writable=True, is_for_everybody=True), Bind(folder)]
    mounts += (Bind(each) for each in readable)
    mounts += (Bind(each, is_writable=True) for each in writable)
    return Box(folder, tuple(mounts), system=tuple(_system()), has_network=False)


def _system() -> Iterator[Mount]:
    yield Bind(_PROGRAMS)
    for place in _BESIDE:
        if place.is_symlink():
            yield Link(place, str(place.readlink()))
        elif place.is_dir():
            yield Bind(place)
