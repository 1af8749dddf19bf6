"""The versions of agents, as they tell them themselves."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from butler import Finding

_LIMIT_S = 20.0
_LONGEST = 80


def version_finding(name: str, program: str, environment: Mapping[str, str]) -> Finding:
    """Ask a program that is known to understand it for its version."""
    subject = f"agent {name}"
    try:
        ended = subprocess.run(
            [program, "--version"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        said = f"{program} --version does not answer within {_LIMIT_S:g} s; try it by hand"
        return Finding(True, subject, said, is_note=True)
    except OSError as error:
        return Finding(False, subject, f"{program} cannot be started: {error.strerror}")
    said = next((line for line in ended.stdout.splitlines() if line.strip()), "").strip()
    if ended.returncode != 0:
        why = next(iter(ended.stderr.splitlines()), f"status {ended.returncode}")[:_LONGEST]
        return Finding(False, subject, f"{program} does not start: {why}; install it again")
    if not said:
        return Finding(True, subject, f"{program} starts, and does not tell its version")
    return Finding(True, subject, f"{Path(program).name} says it is version {said[:_LONGEST]}")
