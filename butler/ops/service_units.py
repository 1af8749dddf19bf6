"""The files by which systemd and launchd know Butler as a service of the user."""

import plistlib
from collections.abc import Sequence

MARK = "Written by `butler service install`."
LABEL = "org.butler.daemon"

_UNIT = """\
# {mark} Changes belong in: systemctl --user edit butler
[Unit]
Description=Butler, code repositories on WhatsApp

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
# That of the shell in which it was installed: agents are looked for there.
Environment={path}
WatchdogSec=60
TimeoutStartSec=180
TimeoutStopSec=30
Restart=on-failure
RestartSec=30
# What only a person can mend: the configuration, or a link that was logged out or never made.
RestartPreventExitStatus=2
# Butler stops its gateway and its agents itself.
KillMode=mixed
UMask=0077
LimitCORE=0

[Install]
WantedBy=default.target
"""


def systemd_unit(command: Sequence[str], path: str) -> str:
    """Return the unit that runs ``command``.

    Args:
        command: The program, by its full path, and its arguments.
        path: Where it finds programs.
    """
    words = " ".join(_quoted(each).replace("$", "$$") for each in command)
    return _UNIT.format(mark=MARK, command=words, path=_quoted(f"PATH={path}"))


def launchd_plist(command: Sequence[str], path: str) -> bytes:
    """Return the property list that runs ``command``."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(command),
            "EnvironmentVariables": {"PATH": path},
            "RunAtLoad": True,
            # There is no way to name an exit status after which it shall stay ended.
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 30,
            "ExitTimeOut": 30,
            "Umask": 0o077,
        }
    )


def _quoted(text: str) -> str:
    """Return a word as systemd reads it, see systemd.syntax(7); % would begin a specifier."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return '"' + "".join(c if c.isprintable() else _bytes_of(c) for c in escaped) + '"'


def _bytes_of(character: str) -> str:
    return "".join(f"\\x{each:02x}" for each in character.encode(errors="surrogateescape"))
