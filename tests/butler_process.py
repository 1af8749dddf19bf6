"""The command line as a user has it: a process of its own."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

from butler.storage.files import private_folder
from butler.testing import make_working_copy
from butler.transports.whatsapp.account import CREDENTIALS
from butler.transports.whatsapp.journal.database import FILE_NAME, Journal

BUTLER = (sys.executable, "-m", "butler")

PATIENCE_S = 45
"""For what must happen; a busy machine needs seconds for what else takes milliseconds."""


def run_butler(*arguments, text="", **options):
    """Run a sub-command to its end, with ``text`` on its stdin."""
    return subprocess.run(
        [*BUTLER, *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        **options,
    )


def run_python(*arguments, cwd, typed="", **environment):
    """Run the tests' Python to its end, with ``typed`` on its stdin; time enough for a build."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        input=typed,
        env={**os.environ, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def start_butler(*arguments, **options):
    """Start a sub-command with pipes in and out."""
    return subprocess.Popen(
        [*BUTLER, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def write_config(folder, more=""):
    """Write a configuration with the repos ``api`` and ``web`` into ``folder``; return its path."""
    for name in ("api", "web"):
        if not (folder / name).exists():
            make_working_copy(folder / name)
    path = folder / "config.toml"
    path.write_text(
        'data_dir = "data"\nnotify.restarts = false\n'
        f'[repos.api]\npath = "api"\n[repos.web]\npath = "web"\n{more}'
    )
    return path


def name_chat(config, chat_id, name):
    """Call a chat by a name, as if the gateway had asked for it."""
    with Journal(private_folder(config.parent / "data" / "whatsapp") / FILE_NAME) as journal:
        journal.names.note_asked(chat_id)
        journal.names.keep(chat_id, name)


def link_account(data_folder, phone="4915112345678"):
    """Write the credentials of a linked account."""
    folder = private_folder(data_folder / "whatsapp")
    with closing(sqlite3.connect(folder / CREDENTIALS)) as db, db:
        db.execute("CREATE TABLE whatsmeow_device (jid TEXT, lid TEXT)")
        db.execute("INSERT INTO whatsmeow_device VALUES (?, '')", (f"{phone}:3@s.whatsapp.net",))


def line(text, chat="team@g.us", **keys):
    """Return a line of input."""
    return json.dumps({"chat": chat, "text": text, **keys}) + "\n"


def replies(output):
    """Return the objects in a text of JSON lines."""
    return [json.loads(each) for each in output.splitlines()]
