"""The commented configuration that `butler init` writes; config.example.toml is one of them."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from butler.config.loading import FILE_NAME
from butler.errors import ConfigError
from butler.repos.registry import is_working_copy, name_problem

USUAL_FOLDERS = ("src", "code", "projects", "repos", "git", "dev")

_HEAD = """\
# The configuration of Butler. Every key has a default but the repos; a line that begins with
# "# key = " shows the default, or an example of what can stand there.
# After a change: butler check. ~ and $VARIABLES work in paths; a relative path begins where this
# file is.

# What a command begins with.
# prefix = "/"

# Where Butler keeps what it must remember: sessions, records, the link to WhatsApp.
# The default is the user's data folder.
# data_dir = "~/.local/share/butler"

# Every git working copy directly in one of these folders is a repo, named after its folder.
"""

_TAIL = """
[access]
# Who may do everything, besides the linked account itself: phone numbers, or LIDs ("…@lid").
# owners = ["+4915112345678"]
# The chats in which everybody may use Butler. Butler answers nobody else.
# chats = ["120363405395407771@g.us"]
# People who may use Butler in every chat, and directly.
# users = ["+4930123456"]
# Commands that need more than they do by themselves: "user" or "owner".
# commands = { clear = "owner" }

# What differs in one chat: only these people instead of every member, and who may do what.
# [access.rules."120363405395407771@g.us"]
# people = ["+4930123456"]
# needs = "user"
# commands = { use = "owner" }

[limits]
# How often one person, and one chat, may call commands; owners are not limited.
# person_per_minute = 20
# person_burst = 10
# chat_per_minute = 60

[sessions]
# Where the chats' active repos are kept: "sqlite", or "memory" to forget them at each end.
# store = "sqlite"
# A chat that was not used for so long starts without an active repo: "30d", "12h", "never".
# expire_after = "never"
# SQLite's setting: with "NORMAL" each change survives every crash of Butler, with "FULL" also a
# power cut.
# synchronous = "NORMAL"

[whatsapp]
# The name under "Linked devices" on the phone; it is fixed when the account is linked.
# device_name = "Butler"
# What is older when it arrives is not acted on, but summed up in one message; "never" acts on all.
# max_message_age = "15m"
# How fast Butler writes to one chat, after a burst: WhatsApp bans accounts that write too much.
# messages_per_second = 1.0
# messages_per_minute = 20
# burst = 5

[plugins]
# The plugins to load, in this order. Options of a plugin stand in [plugins.<name>].
# enabled = ["session", "run"]

[plugins.run]
# The agent at work where neither the chat nor the repo (its key "agent") names another: "claude",
# "codex", "gemini", "opencode", or one of those below.
# agent = "claude"
# Runs at a time, and runs that one chat may have waiting.
# max_runs = 4
# max_queued = 5
# Budgets: of a person, who is no owner, in an hour; of a chat in 24 hours (none by default).
# max_runs_per_hour = 6
# max_runs_per_day = 50
# max_cost_usd_per_day = 10.0
# Whether prompts are kept in the audit.
# audit_prompts = true
# What keeps agents from the rest of this machine: "auto" and "bwrap" are bubblewrap, and without it
# no run starts; "off" lets them do whatever you can do. See docs/sandbox.md.
# sandbox = "auto"
# What agents can reach: "on" is everything, this machine's own ports included, "off" is nothing,
# a list is nothing but these hosts, on the ports 80 and 443 where it names none.
# network = ["api.anthropic.com", "*.pypi.org", "git.example.org:8443"]
# What a run may take: memory, processes and threads, what it adds to the disk, one file of it.
# max_memory_mb = 8000
# max_processes = 1000
# max_disk_mb = 10000
# max_file_mb = 4000

# An agent of your own, or other settings for one of the known ones.
# [plugins.run.agents.tests]
# "acp" speaks the Agent Client Protocol, "claude" is Claude Code's own command, "command" is any
# program: it gets the prompt on stdin, or in place of {prompt} in an argument.
# kind = "command"
# command = ["make", "test"]
# What it may do without asking: "ask", "edits", "plan", or "bypass" for everything.
# mode = "ask"
# Variables passed to it besides PATH, HOME, LANG and the like.
# env = ["ANTHROPIC_API_KEY"]
# time_limit = "30m"
# silence_limit = "10m"
# max_output_mb = 50
# What else it gets of this machine in its sandbox, which hides the home folder.
# readable = ["~/.cargo", "~/.rustup"]
# writable = ["~/.cache/pip"]
# Where it differs from the above: sandbox, network, max_memory_mb, max_processes, max_disk_mb,
# max_file_mb; the same in [repos.<name>], which counts most.
# network = "off"

[records]
# Where there are more records, of what was done and of what was left alone, the oldest go.
# max_mb = 50

[log]
# "debug", "info", "warning" or "error".
# level = "info"
"""

_AUDIENCE = """\
# With one of these, only these people, and everybody in these chats, can see the repo.
# users = ["+4930123456"]
# chats = ["120363405395407771@g.us"]
# For runs in it: the agent, what it may do without asking, and for how long.
# agent = "claude"
# mode = "ask"
# time_limit = "30m"
# silence_limit = "10m"
# max_output_mb = 50"""


@dataclass(frozen=True, slots=True)
class Named:
    """A repo to name in the file; ``path`` as it shall stand there."""

    name: str
    path: str
    description: str = ""


def text(repos: Iterable[Named], folders: Iterable[str] = ()) -> str:
    """Return a configuration with these repos and folders of repos."""
    listed = ", ".join(_quoted(folder) for folder in folders)
    folders_line = f"repo_folders = [{listed}]" if listed else '# repo_folders = ["~/src"]'
    return _HEAD + folders_line + "\n" + "".join(map(_section, repos)) + _TAIL


def write(path: Path | None = None) -> str:
    """Write a configuration with the repos found around here; return what to tell the user.

    Raises:
        ConfigError: There is a file already, or it cannot be written.
    """
    path = path or Path(FILE_NAME)
    here = path.absolute().parent
    folders = [f"~/{name}" for name in USUAL_FOLDERS if _has_repos(Path.home() / name)]
    repos = [Named(here.name, ".")] if _can_be_repo(here) else []
    if not repos and _has_repos(here):
        folders.insert(0, ".")
    try:
        # Readable by nobody else, for secrets may come to stand in it.
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text(repos, folders))
    except FileExistsError:
        raise ConfigError(
            f"{path} exists already; it is left as it is. Write another with: "
            "butler init --config FILE"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None
    places = ("those in this folder" if folder == "." else folder for folder in folders)
    found = ", ".join([*(repo.name for repo in repos), *places]) or "none yet, so name some in it"
    return f"Wrote {path}. Repos: {found}. Next: butler check"


def _section(repo: Named) -> str:
    name = repo.name if re.fullmatch(r"[A-Za-z0-9_-]+", repo.name) else _quoted(repo.name)
    lines = ["", f"[repos.{name}]", f"path = {_quoted(repo.path)}"]
    if repo.description:
        lines.append(f"description = {_quoted(repo.description)}")
    lines.append(_AUDIENCE)
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    # DEL is the one character that JSON leaves as it is and TOML refuses.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _can_be_repo(folder: Path) -> bool:
    return is_working_copy(folder) and name_problem(folder.name) is None


def _has_repos(folder: Path) -> bool:
    try:
        return any(is_working_copy(entry) for entry in folder.iterdir())
    except OSError:
        return False
