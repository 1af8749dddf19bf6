"""A scripted plain program: takes the prompt from stdin or an argument, and prints.

``python -m butler.testing.agents.command SCRIPT.json [PROMPT]``
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from butler.testing.agents.script import (
    Player,
    Script,
    TurnFailedError,
    TurnFinishedError,
    TurnLimitedError,
    TurnTooLongError,
)


class CommandVoice:
    """A voice with text only; every question counts as answered with yes."""

    def said(self, text: str) -> bytes:
        """See ``Voice``."""
        return text.encode()

    def show(self, picture: str) -> None:
        """See ``Voice``."""

    def think(self, text: str) -> None:
        """See ``Voice``."""

    def use_tool(self, title: str, *, is_failed: bool) -> None:
        """See ``Voice``."""

    def ask(self, question: Mapping[str, Any]) -> bool:
        """See ``Voice``."""
        return bool(question)

    def inquire(self, questions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | str:
        """See ``Voice``."""
        return {}

    def propose(self, plan: str) -> str | None:
        """See ``Voice``."""
        return None

    def list_todos(self, items: Sequence[Sequence[str]]) -> None:
        """See ``Voice``."""

    def tell_tasks(self, sub_agents: int, background: Sequence[str]) -> None:
        """See ``Voice``."""

    def said_by_sub_agent(self, text: str) -> None:
        """See ``Voice``."""

    def tell_retry(self, retry: Mapping[str, Any]) -> None:
        """See ``Voice``: a line on stderr."""
        which = f"attempt {retry['attempt']}/{retry['of']}"
        when = f"in {retry['delay_s']} seconds"
        sys.stderr.write(f"API Error ({retry['error']}) - Retrying {when} ({which})\n")
        sys.stderr.flush()

    def tell_limit(self, limit: Mapping[str, Any]) -> None:
        """See ``Voice``."""

    def tell_usage(self, tokens: int, cost_usd: float) -> None:
        """See ``Voice``."""

    def wait(self) -> None:
        """See ``Voice``: there is nothing that tells a program to cancel but a signal."""
        Player(self, {}).play([{"hang": True}])


def main(path: str, prompt: str | None = None) -> None:
    """Play the script in the file at ``path``."""
    script = Script.read(path)
    player = Player(CommandVoice(), {"prompt": sys.stdin.read() if prompt is None else prompt})
    try:
        player.play([*script.before, *script.turn(0)])
    except TurnFinishedError:
        sys.exit(0)
    except TurnFailedError as error:
        sys.exit(f"{error}: {error.details}")
    except TurnLimitedError as error:
        sys.exit(str(error))
    except TurnTooLongError:
        sys.exit("prompt is too long")


if __name__ == "__main__":
    main(*sys.argv[1:])
