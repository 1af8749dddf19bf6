"""Working copies for tests."""

import os
import subprocess
from pathlib import Path


def make_working_copy(folder: Path, branch: str = "main") -> Path:
    """Make ``folder`` a git working copy with one commit; return it."""
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet", f"--initial-branch={branch}")
    (folder / "README.md").write_text("# Example\n")
    _git(folder, "add", "README.md")
    _git(folder, "commit", "--quiet", "--message=First commit")
    return folder


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Example", "-c", "user.email=example@example.org")
    # Tests may run in a hook, which sets GIT_DIR, and for people who sign their commits.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env={**environment, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        check=True,
        timeout=30,
    )
