"""The terminal transport: one chat with a prompt."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import in_terminal
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.shortcuts import print_formatted_text

from butler.chat.message import Message, Person, Reply
from butler.chat.text import folded
from butler.core.bot import Bot
from butler.core.commands import Command, Kind, Parameter
from butler.core.plugin import Plugin, Settings
from butler.core.router import Router
from butler.repos.registry import RepoRegistry
from butler.transports.console.files import attached
from butler.transports.console.typed import Author, Typed, shown

ANSWER_WAIT_S = 0.5
"""Maximum wait for a reply before the prompt returns."""

_BOLD = re.compile(r"(?<!\w)\*(\S(?:[^*\n]*\S)?)\*(?!\w)")
_ITALIC = re.compile(r"(?<!\w)_(\S(?:[^_\n]*\S)?)_(?!\w)")


class PromptConsole(Typed):
    """A prompt with history and completion; a ``Transport``."""

    def __init__(
        self,
        history: Path,
        completer: Completer,
        chat_id: str,
        sender: Person | None = None,
        greeting: str = "",
    ) -> None:
        self._greeting = greeting
        self._author = Author(chat_id, sender)
        self._turn_over = asyncio.Event()
        self._bot: Bot | None = None
        self._prompt: PromptSession[str] = PromptSession(
            history=FileHistory(str(history)), completer=completer, complete_while_typing=False
        )

    def follow(self, bot: Bot) -> None:
        """Ask before Ctrl-D cuts off the runs of ``bot``."""
        self._bot = bot

    async def messages(self) -> AsyncIterator[Message]:
        """Yield each typed line as a message, until Ctrl-D."""
        print_formatted_text(self._greeting)
        with patch_stdout(raw=True):
            while (text := await self._typed()) is not None:
                if text.strip():
                    self._turn_over.clear()
                    yield await attached(self._author.message(text))
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._turn_over.wait(), ANSWER_WAIT_S)

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Print ``reply`` above the prompt; an edit shows below it until the next reply.

        What is printed cannot be edited, and would be there twice.
        """
        self._prompt.bottom_toolbar = ANSI(styled(reply.text)) if reply.edits else None
        if reply.edits:
            self._prompt.app.invalidate()
            return reply.edits
        await self._print(styled(shown(reply)) + "\n")
        return self._author.next_id()

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        """Show the prompt again."""
        self._turn_over.set()

    async def aclose(self) -> bool:
        """Do nothing: output is not buffered."""
        return True

    async def _print(self, text: str) -> None:
        # Not via stdout: patch_stdout writes from a thread, and when that is late, the prompt stays
        # above the text and is not redrawn.
        async with in_terminal():
            self._prompt.output.write_raw(f"{text}\n")
            self._prompt.output.flush()

    async def _typed(self) -> str | None:
        """Return the next line; None for the end, which Ctrl-D asks for twice while runs work."""
        is_warned = False
        while True:
            try:
                # Without a handler of the prompt's own, SIGINT ends the console as SIGTERM does.
                return await self._prompt.prompt_async(
                    f"{self._author.chat_id}> ", handle_sigint=False
                )
            except (KeyboardInterrupt, EOFError) as key:
                if is_warned:
                    self._stop()
                    return None
                at_work = self._bot.at_work if self._bot else 0
                if isinstance(key, KeyboardInterrupt):
                    await self._print("Ctrl-D quits.")
                elif at_work:
                    is_warned = True
                    await self._print(_warning(at_work))
                else:
                    return None

    def _stop(self) -> None:
        if self._bot is not None:
            self._bot.stop()


def _warning(at_work: int) -> str:
    runs, them = ("1 run is", "it") if at_work == 1 else (f"{at_work} runs are", "them")
    return f"{runs} at work. Ctrl-D or Ctrl-C again stops {them}."


class CommandCompleter(Completer):
    """Completes commands, and after them what fits their next parameter.

    Args:
        router: The commands.
        repos: The repos, for parameters that take one.
        plugins: The plugins by name, asked for all other parameters.
        chat_id: The chat in which is typed.
    """

    def __init__(
        self,
        router: Router,
        repos: RepoRegistry,
        plugins: Mapping[str, Plugin[Settings]],
        chat_id: str,
    ) -> None:
        self._router = router
        self._repos = repos
        self._plugins = plugins
        self._chat_id = chat_id

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """Yield the completions at the cursor."""
        typed = document.text_before_cursor
        head, space, word = typed.rpartition(" ")
        names = self._arguments(head.split()) if space else self._command_names()
        for name in names:
            if folded(name).startswith(folded(word)):
                yield Completion(name, start_position=-len(word))

    def _command_names(self) -> Iterable[str]:
        return (f"{self._router.prefix}{command.name}" for command in self._router.commands)

    def _arguments(self, words: Sequence[str]) -> Iterable[str]:
        command = self._router.get(words[0]) if words else None
        if command is None:
            return ()
        if command.name == "help":
            return (each.name for each in self._router.commands)
        parameter = _parameter(command, len(words) - 1)
        if parameter is None:
            return ()
        if parameter.is_repo:
            return (repo.name for repo in self._repos)
        plugin = self._plugins.get(command.plugin)
        more = plugin.suggestions(command.name, parameter.name, self._chat_id) if plugin else ()
        return (*parameter.choices, *more)


def _parameter(command: Command, index: int) -> Parameter | None:
    """Return the parameter that takes the word at ``index``; None if there is none, or for text."""
    parameters = command.parameters
    if parameters and parameters[-1].kind is Kind.MANY:
        index = min(index, len(parameters) - 1)
    found = parameters[index] if index < len(parameters) else None
    return None if found is None or found.kind is Kind.REST else found


def styled(text: str) -> str:
    """Convert WhatsApp's bold and italic to terminal styles."""
    return _ITALIC.sub("\x1b[3m\\1\x1b[0m", _BOLD.sub("\x1b[1m\\1\x1b[0m", text))
