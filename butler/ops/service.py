"""`butler service`: Butler as a service of the user, by systemd or launchd."""

import getpass
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from butler.config.schema import Config
from butler.errors import ConfigError, DataError
from butler.ops.moved_link import moved_link
from butler.ops.service_units import LABEL, MARK, launchd_plist, systemd_unit
from butler.storage.files import is_there
from butler.transports.whatsapp import linked_account

NAME = "butler"
LINGER = Path("/var/lib/systemd/linger")
_LIMIT_S = 90
_NO_BUS = "Failed to connect to bus"
_LOG_IN = "Your own systemd is out of reach. Log in as this user itself, not by su or sudo."


class Service(Protocol):
    """Where the service of a user is written down, and how it is managed.

    Attributes:
        file: Where it is written down.
        start: How a person starts it.
    """

    file: Path
    start: str

    def written(self, command: Sequence[str], path: str) -> bytes:
        """Return what to write down."""
        ...

    def enable(self, *, starts: bool) -> str:
        """Let it start with the user, and now; return what a person needs to know besides.

        Raises:
            DataError: The service manager refuses, or does not answer.
        """
        ...

    def disable(self) -> None:
        """End it and let it not start any longer."""
        ...

    def status(self) -> Sequence[str]:
        """Return the command that shows its state."""
        ...

    def logs(self, *, follows: bool) -> Sequence[str]:
        """Return the command that shows its log.

        Raises:
            ConfigError: There is no log.
        """
        ...


class Systemd:
    """A unit of the user's systemd."""

    start = f"systemctl --user start {NAME}"

    def __init__(self) -> None:
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        self.file = home / "systemd" / "user" / f"{NAME}.service"

    def written(self, command: Sequence[str], path: str) -> bytes:
        """Return the unit."""
        return systemd_unit(command, path).encode(errors="surrogateescape")

    def enable(self, *, starts: bool) -> str:
        """Let it start with the user, and now."""
        _managed("systemctl", "--user", "daemon-reload")
        _managed("systemctl", "--user", "enable", NAME)
        if starts:
            _managed("systemctl", "--user", "restart", NAME)
        if is_there(LINGER / getpass.getuser()):
            return ""
        return "It ends when you log out; to keep it running: loginctl enable-linger"

    def disable(self) -> None:
        """End it and let it not start any longer."""
        _managed("systemctl", "--user", "disable", "--now", NAME)

    def status(self) -> Sequence[str]:
        """Return systemctl's command."""
        return "systemctl", "--user", "--no-pager", "status", NAME

    def logs(self, *, follows: bool) -> Sequence[str]:
        """Return journalctl's command."""
        how = ["--follow"] if follows else ["--no-pager"]
        return "journalctl", "--user", "--unit", NAME, "--lines", "200", *how


class Launchd:
    """An agent of macOS's launchd; tried by reading back its property list only.

    Args:
        log_file: Where the configuration has the log written.
    """

    def __init__(self, log_file: Path | None) -> None:
        self.file = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        self._domain = f"gui/{os.getuid()}"
        self._log_file = log_file
        self.start = f"launchctl kickstart {self._domain}/{LABEL}"

    def written(self, command: Sequence[str], path: str) -> bytes:
        """Return the property list."""
        return launchd_plist(command, path)

    def enable(self, *, starts: bool) -> str:
        """Let it start with the user, and now."""
        if starts:
            subprocess.run(
                ["launchctl", "bootout", f"{self._domain}/{LABEL}"], check=False, timeout=_LIMIT_S
            )
            _managed("launchctl", "bootstrap", self._domain, str(self.file))
        if self._log_file is None:
            return "It has no log, as macOS keeps none; to have one, set file in [log]."
        return ""

    def disable(self) -> None:
        """End it and let it not start any longer."""
        _managed("launchctl", "bootout", f"{self._domain}/{LABEL}")

    def status(self) -> Sequence[str]:
        """Return launchctl's command."""
        return "launchctl", "print", f"{self._domain}/{LABEL}"

    def logs(self, *, follows: bool) -> Sequence[str]:
        """Return a command that shows the log file."""
        if self._log_file is None:
            raise ConfigError("macOS keeps no log of it. To have one, set file in [log].")
        return "tail", "-n", "200", *(["-F"] if follows else []), str(self._log_file)


def service_here(config: Config) -> Service:
    """Return the service of this user on this machine."""
    return Launchd(config.log.file) if sys.platform == "darwin" else Systemd()


def install(service: Service, config: Config, config_path: Path) -> list[str]:
    """Write the service down, enable it, and start it if an account is linked.

    Returns:
        Lines for the person who installs it.

    Raises:
        ConfigError: Somebody else wrote the file.
        DataError: The file cannot be written, or the service manager does not answer.
    """
    _check_own(service.file)
    # -P: a folder called butler where it starts must not pass for the package.
    program = (sys.executable, "-P", "-m", "butler", "run")
    command = (*program, "--config", str(config_path.absolute()))
    try:
        service.file.parent.mkdir(parents=True, exist_ok=True)
        service.file.write_bytes(service.written(command, os.environ.get("PATH", os.defpath)))
    except OSError as error:
        raise DataError(f"{service.file} cannot be written: {error.strerror}.") from None
    to_do = _before_the_start(config.data_dir / "whatsapp")
    try:
        hint = service.enable(starts=not to_do)
    except DataError as error:
        raise DataError(f"Wrote {service.file}, but it does not run yet. {error}") from None
    runs = "It runs now, and from each start of the machine."
    said = f"{to_do}, then: {service.start}" if to_do else runs
    return [f"Wrote {service.file}.", said, *([hint] if hint else [])]


def _before_the_start(folder: Path) -> str:
    """Say what a person must do before Butler can start; "" if there is nothing."""
    if linked_account(folder) is None:
        return "No account is linked yet. Next: butler pair"
    return moved_link(folder)


def uninstall(service: Service) -> list[str]:
    """End the service and forget it; its data and configuration stay.

    Raises:
        ConfigError: It is not installed, or somebody else wrote the file.
        DataError: The service manager does not answer, or the file cannot be deleted.
    """
    check_installed(service)
    _check_own(service.file)
    try:
        service.disable()
    except DataError as error:
        if _NO_BUS not in str(error):
            raise
        # It may run all the same, for another session of the user.
        raise DataError(
            f"{error} If no systemd runs here: rm {shlex.quote(str(service.file))}"
        ) from None
    try:
        service.file.unlink()
    except OSError as error:
        raise DataError(f"{service.file} cannot be deleted: {error.strerror}.") from None
    return [f"Deleted {service.file}. The data and the configuration are still there."]


def check_installed(service: Service) -> None:
    """Refuse to go on where the service is not installed.

    Raises:
        ConfigError: It is not.
    """
    if not is_there(service.file):
        raise ConfigError(
            f"There is no service yet, as there is no {service.file}. "
            "Install it with: butler service install"
        )


def _check_own(file: Path) -> None:
    """Refuse to change a file that a person wrote."""
    marks = (MARK.encode(), LABEL.encode())
    if is_there(file) and not any(mark in file.read_bytes() for mark in marks):
        raise ConfigError(f"{file} was written by somebody else and was not changed. Delete it.")


def _managed(*command: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=_LIMIT_S
        )
    except FileNotFoundError:
        raise DataError(f"There is no {command[0]} on this machine.") from None
    except subprocess.TimeoutExpired:
        raise DataError(f"{command[0]} did not answer within {_LIMIT_S} s.") from None
    if done.returncode != 0:
        said = done.stderr.strip() or f"it failed with status {done.returncode}"
        way_out = f". {_LOG_IN}" if _NO_BUS in said else ""
        raise DataError(f"{' '.join(command)}: {said}{way_out}")
