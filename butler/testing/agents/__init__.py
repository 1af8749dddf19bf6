"""Scripted coding agents for tests: they play a JSON file, without delay.

Three of them play the same script: ``acp`` speaks the Agent Client Protocol, ``claude`` speaks like
Claude Code's own command, ``command`` just prints. ``script`` explains the language::

    {"turns": [[{"say": "Hello."}, {"ask": {"path": "made.txt", "new": "hi"}}]]}
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path


def scripted_agent(kind: str, folder: Path, script: Mapping[str, object]) -> list[str]:
    """Write ``script`` into ``folder`` and return the command that plays it.

    Args:
        kind: ``acp``, ``claude`` or ``command``.
        folder: Where to put the script; not the working copy.
        script: See the module ``script``.
    """
    path = folder / f"{kind}-script.json"
    path.write_text(json.dumps(script))
    return [sys.executable, "-m", f"butler.testing.agents.{kind}", str(path)]
