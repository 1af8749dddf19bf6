"""Butler with scripted agents that work, seen from outside."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from butler.testing import OWNER, make_working_copy
from butler.testing.agents import scripted_agent

MB = 1_000_000
Steps = Sequence[Mapping[str, object]]


class Butler:
    """``butler console --jsonl`` with a repo for each script, in which its agent works."""

    def __init__(self, config: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "butler", "console", "--jsonl", "--config", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._count = 0

    def ask(self, text: str, chat: str) -> float:
        """Write a message and return the seconds until it is answered."""
        began = time.perf_counter()
        message_id = self.write(text, chat)
        while self._next().get("reply_to") != message_id:
            pass
        return time.perf_counter() - began

    def write(self, text: str, chat: str) -> str:
        """Write a message and return its id."""
        self._count += 1
        message_id = f"m{self._count}"
        line = json.dumps({"chat": f"{chat}@g.us", "text": text, "id": message_id})
        self._stdin.write(f"{line}\n".encode())
        self._stdin.flush()
        return message_id

    def wait_until_busy(self, runs: int) -> None:
        """Wait until this number of runs show that their agents are writing."""
        working: set[str] = set()
        while len(working) < runs:
            said = self._next()
            if said.get("edit") and "writing" in said["text"]:
                working.add(said["id"])

    def begin_peak(self) -> float:
        """Measure the peak of the memory from now on; return what is taken now, in MB."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")
        return self.peak_mb()

    def peak_mb(self) -> float:
        """Return the peak of the memory in MB, see proc_pid_status(5)."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / MB for line in lines if line.startswith("VmHWM"))

    def end(self) -> None:
        """End Butler, and its runs with it."""
        self._stdin.close()
        self._process.kill()
        self._stdout.close()
        self._process.wait()

    def _next(self) -> dict[str, Any]:
        line = self._stdout.readline()
        if not line:
            raise SystemExit(f"Butler ended, with exit status {self._process.wait()}.")
        said: dict[str, Any] = json.loads(line)
        return said


@contextmanager
def butler(folder: Path, kind: str, turns: Mapping[str, Steps]) -> Iterator[Butler]:
    """Run Butler; each chat has selected the repo of its name."""
    process = Butler(write_config(folder, kind, turns))
    try:
        for name in turns:
            process.ask(f"/use {name}", name)
        yield process
    finally:
        process.end()


def write_shell_config(folder: Path, boundary: Sequence[str]) -> Path:
    """Write a configuration whose agent is a shell, with these lines on what is around it."""
    folder.mkdir()
    make_working_copy(folder / "api")
    path = folder / "config.toml"
    lines = [
        *(f'data_dir = "{folder}/data"', f'access.owners = ["{OWNER}"]'),
        *("[plugins.run]", "max_runs_per_hour = 100000", 'agent = "shell"', *boundary),
        *("[plugins.run.agents.shell]", 'kind = "command"', 'command = ["sh"]'),
        *("[repos.api]", f'path = "{folder}/api"'),
    ]
    path.write_text("\n".join(lines))
    return path


def write_config(folder: Path, kind: str, turns: Mapping[str, Steps]) -> Path:
    folder.mkdir()
    lines = [f'data_dir = "{folder}/data"', f'access.owners = ["{OWNER}"]', "[plugins.run]"]
    lines += ['sandbox = "off"']
    lines += ["max_runs_per_hour = 100000", f'agent = "{next(iter(turns))}"']
    for name, steps in turns.items():
        make_working_copy(folder / name)
        (folder / f"{name}-script").mkdir()
        command = scripted_agent(kind, folder / f"{name}-script", {"turns": [list(steps)]})
        lines += [
            f'[repos.{name}]\npath = "{folder}/{name}"\nagent = "{name}"',
            f'[plugins.run.agents.{name}]\nkind = "{kind}"\nmax_output_mb = 10000',
            f"command = {json.dumps(command)}",
        ]
    path = folder / "config.toml"
    path.write_text("\n".join(lines))
    return path
