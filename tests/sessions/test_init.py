import subprocess
import sys

import butler.sessions

FOREIGN = """
import sys
before = set(sys.modules)
import butler.sessions
own = ("butler", "butler.sessions", "butler.storage")
for name in sorted(set(sys.modules) - before):
    if name.partition(".")[0] in sys.stdlib_module_names or name in own:
        continue
    if name == "butler.storage.files" or not name.startswith(own):
        print(name)
"""


def test_sessions_pull_in_nothing_but_storage_and_the_standard_library():
    imported = subprocess.run(
        [sys.executable, "-c", FOREIGN], check=True, capture_output=True, text=True
    )

    assert imported.stdout == ""


def test_the_public_names():
    assert butler.sessions.__all__ == [
        "MemoryStore",
        "NoActiveRepoError",
        "Session",
        "SessionError",
        "SessionManager",
        "SessionStore",
        "SqliteStore",
        "StoreError",
    ]
