"""Butler in a terminal: one chat, typed by hand."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import in_terminal
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.shortcuts import print_formatted_text

from butler.chat.message import Message, Person, Reply
from butler.core.router import Router
from butler.repos.registry import RepoRegistry
from butler.transports.console.typed import Author, Typed

ANSWER_WAIT_S = 0.5
"""The prompt comes back after the answer, or after this time where there is none yet."""

_BOLD = re.compile(r"(?<!\w)\*(\S(?:[^*\n]*\S)?)\*(?!\w)")
_ITALIC = re.compile(r"(?<!\w)_(\S(?:[^_\n]*\S)?)_(?!\w)")


class PromptConsole(Typed):
    """A prompt with history and completion; a ``Transport``."""

    def __init__(
        self, history: Path, completer: Completer, chat_id: str, sender: Person | None = None
    ) -> None:
        self._author = Author(chat_id, sender)
        self._turn_over = asyncio.Event()
        self._prompt: PromptSession[str] = PromptSession(
            history=FileHistory(str(history)), completer=completer, complete_while_typing=False
        )

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what is typed, until Ctrl-D."""
        print_formatted_text("Type as a chat would: /help lists what there is. Ctrl-D ends.")
        with patch_stdout(raw=True):
            while (text := await self._typed()) is not None:
                if text.strip():
                    self._turn_over.clear()
                    yield self._author.message(text)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._turn_over.wait(), ANSWER_WAIT_S)

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Print ``reply`` above the prompt."""
        await self._print(styled(reply.text) + "\n")
        return reply.edits or self._author.next_id()

    async def acknowledge(self, message: Message) -> None:
        """Let the prompt come back."""
        self._turn_over.set()

    async def aclose(self) -> bool:
        """Nothing waits to be written."""
        return True

    async def _print(self, text: str) -> None:
        # Not by way of stdout: patch_stdout writes from a thread, and where that is late the prompt
        # stands above the text and is not drawn again.
        async with in_terminal():
            self._prompt.output.write_raw(f"{text}\n")
            self._prompt.output.flush()

    async def _typed(self) -> str | None:
        while True:
            try:
                return await self._prompt.prompt_async(f"{self._author.chat_id}> ")
            except KeyboardInterrupt:
                await self._print("Ctrl-D ends.")
            except EOFError:
                return None


class CommandCompleter(Completer):
    """Completes commands, and behind a command the names of repos."""

    def __init__(self, router: Router, repos: RepoRegistry) -> None:
        self._router = router
        self._repos = repos

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """Yield what could stand at the cursor."""
        typed = document.text_before_cursor
        head, space, word = typed.rpartition(" ")
        names = self._repo_names(head) if space else self._command_names()
        for name in names:
            if name.lower().startswith(word.lower()):
                yield Completion(name, start_position=-len(word))

    def _command_names(self) -> Iterable[str]:
        return (f"{self._router.prefix}{command.name}" for command in self._router.commands)

    def _repo_names(self, head: str) -> Iterable[str]:
        command = self._router.get(head.strip())
        if command is None:
            return ()
        if command.name == "help":
            return (each.name for each in self._router.commands)
        return (repo.name for repo in self._repos)


def styled(text: str) -> str:
    """Return ``text`` with WhatsApp's bold and italic as a terminal shows them."""
    return _ITALIC.sub("\x1b[3m\\1\x1b[0m", _BOLD.sub("\x1b[1m\\1\x1b[0m", text))
