"""What it takes to start a program that lies where a sandbox hides things, such as at home."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from butler_run.agents.readiness import interpreter


def needed_by(program: Path, home: Path, path: str) -> Iterator[Path]:
    """Look at the disk: yield what is read when ``program`` is started.

    That is the folder in which it is found, that to which a link there leads, or the node_modules
    around it, and the same for its interpreter. Never the home folder itself.

    Args:
        program: The program, absolute.
        home: The user's home folder.
        path: The PATH on which its interpreter is looked for.
    """
    real = program.resolve()
    yield _shared(program, home)
    yield _package(real) or _shared(real, home)
    command = interpreter(real)
    if command and (found := shutil.which(command[-1], path=path)):
        yield _shared(Path(found), home)
        yield _shared(Path(found).resolve(), home)


def _shared(program: Path, home: Path) -> Path:
    """Return the folder of a program, or it alone where others' things lie beside it."""
    return program if home.is_relative_to(program.parent) else program.parent


def _package(program: Path) -> Path | None:
    around = [each for each in program.parents if each.name == "node_modules"]
    return around[-1] if around else None
