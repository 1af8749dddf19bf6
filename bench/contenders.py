"""The contenders: their requirements and their start commands."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from harness import WORKERS, Contender

ROOT = Path(__file__).parents[1]
BUTLER = "Butler"
INSTALLED = ROOT / ".bench"
ENVIRONMENTS = Path(__file__).parent / "environments"

FLOOR = Contender("floor", [sys.executable, str(WORKERS / "floor.py")])
DURABLE_FLOOR = Contender(
    "floor + SQLite", [sys.executable, str(WORKERS / "floor.py"), "sessions.sqlite3"]
)


def butler(name: str, *arguments: str, floor: str = "floor", checkout: Path = ROOT) -> Contender:
    """Return Butler as a contender; ``checkout`` is the one whose code runs."""
    command = [sys.executable, str(WORKERS / "butler_bot.py"), *arguments]
    folders = f"{checkout}{os.pathsep}{checkout / 'plugins'}"
    return Contender(name, command, {"PYTHONPATH": folders}, floor)


def butlers(prefix: str = BUTLER, checkout: Path = ROOT) -> list[Contender]:
    """Return Butler in all its variants."""
    durable, bare_durable = f"{prefix} + SQLite", DURABLE_FLOOR.name
    one, durable_one = f"{prefix}, served one by one", f"{durable}, served one by one"
    ways = [
        (prefix, "floor", "memory owner handle"),
        (f"{prefix}, a user with limits", "floor", "memory user handle"),
        (durable, bare_durable, "sqlite owner handle"),
        (one, "floor", "memory owner 1"),
        (f"{prefix}, 100 in flight", one, "memory owner 100"),
        (durable_one, bare_durable, "sqlite owner 1"),
        (f"{durable}, 100 in flight", durable_one, "sqlite owner 100"),
    ]
    return [
        butler(name, *arguments.split(), floor=floor, checkout=checkout)
        for name, floor, arguments in ways
    ]


def with_redis(url: str) -> list[Contender]:
    """Return those that keep the chats' state in Redis: Butler, and aiogram in units of it."""
    ours = f"{BUTLER} + Redis"
    aiogram = _python("aiogram, its own reply call, Redis", "aiogram", "reply", url)
    return [
        butler(ours, "redis", "owner", "handle", url),
        butler(f"{ours}, served one by one", "redis", "owner", "1", url, floor=ours),
        butler(f"{ours}, 100 in flight", "redis", "owner", "100", url, floor=ours),
        replace(aiogram, floor=ours),
    ]


def peers() -> list[Contender]:
    """Return the installed alternatives."""
    found = [
        _python("python-telegram-bot, reply into the sink", "python-telegram-bot", "sink"),
        _python("python-telegram-bot, its own reply call", "python-telegram-bot", "reply"),
        _python("Errbot", "errbot", "Memory"),
        _python("Errbot, shelf", "errbot", "Shelf"),
        _python("discord.py commands", "discord.py"),
        _python("aiogram, reply into the sink", "aiogram", "sink"),
        _python("aiogram, its own reply call", "aiogram", "reply"),
        _python("slack-bolt, process_before_response", "slack-bolt"),
    ]
    if shutil.which("npm"):
        found += [_node("Hubot", "hubot"), _node("grammY", "grammy")]
    return found


@contextmanager
def redis() -> Iterator[str | None]:
    """Run a Redis that keeps nothing on disk for the time of the block; give its address.

    None where there is no ``redis-server``.
    """
    if not shutil.which("redis-server"):
        print("There is no redis-server here (apt-get install redis-server), so no row for it.")
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            ["redis-server", *options], cwd=folder, stdout=subprocess.DEVNULL
        )
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("redis-server did not start.")


_WORKERS = {
    "python-telegram-bot": "python_telegram_bot.py",
    "errbot": "errbot_bot.py",
    "discord.py": "discord_py.py",
    "aiogram": "aiogram_3.py",
    "slack-bolt": "slack_bolt_app.py",
}


def _python(name: str, package: str, *arguments: str) -> Contender:
    interpreter = _installed_python(package) / "bin" / "python"
    return Contender(name, [str(interpreter), str(WORKERS / _WORKERS[package]), *arguments])


def _node(name: str, package: str) -> Contender:
    script = str(WORKERS / f"{package}.mjs")
    return Contender(name, ["node", script, str(_installed_node(package))])


def _installed_python(package: str) -> Path:
    folder, pins = INSTALLED / package, ENVIRONMENTS / f"{package}.txt"
    if not _is_fresh(folder, pins):
        print(f"Installing {package} …", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        _run([*pip, "install", "--quiet", "--requirement", str(pins)], ROOT)
        _note(folder, pins)
    return folder


def _installed_node(package: str) -> Path:
    folder, pins = INSTALLED / package, ENVIRONMENTS / package / "package-lock.json"
    if not _is_fresh(folder, pins):
        print(f"Installing {package} …", flush=True)
        shutil.copytree(pins.parent, folder, dirs_exist_ok=True)
        _run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
        _note(folder, pins)
    return folder


def _is_fresh(folder: Path, pins: Path) -> bool:
    note = folder / "installed"
    return note.exists() and note.read_text() == pins.read_text()


def _note(folder: Path, pins: Path) -> None:
    (folder / "installed").write_text(pins.read_text())


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed with exit status {done.returncode}.")
