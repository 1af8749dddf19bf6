"""The folders needed to start a program that a sandbox would hide, such as one at home."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from butler_run.agents.readiness import interpreter


def needed_by(program: Path, home: Path, path: str) -> Iterator[Path]:
    """Look at the disk: yield the paths needed to start ``program``.

    These are its folder, the folder of its link's target, or the enclosing node_modules, and the
    same for its interpreter; never the home folder itself.

    Args:
        program: The program, absolute.
        home: The user's home folder.
        path: The PATH for finding its interpreter.
    """
    real = program.resolve()
    yield _shared(program, home)
    yield _package(real) or _shared(real, home)
    command = interpreter(real)
    if command and (found := shutil.which(command[-1], path=path)):
        yield _shared(Path(found), home)
        yield _shared(Path(found).resolve(), home)


def _shared(program: Path, home: Path) -> Path:
    """Return the folder of a program, or only the program if the folder holds other things."""
    return program if home.is_relative_to(program.parent) else program.parent


def _package(program: Path) -> Path | None:
    around = [each for each in program.parents if each.name == "node_modules"]
    return around[-1] if around else None
