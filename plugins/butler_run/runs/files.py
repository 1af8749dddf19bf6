"""The files of one run: what it gets, and what it sends."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from butler import Message, Reply
from butler_run.files.outbox import Collected, collect, put_pictures
from butler_run.files.run_files import INBOX, OUTBOX, RunFiles, described
from butler_run.runs.chat import RunChat

if TYPE_CHECKING:
    from butler_run.agents import PromptFile

HOW_TO_SEND = (
    f"To send the user a file or a picture, save it in the folder ${OUTBOX}; "
    "it is sent when you have finished."
)


class FilesOfRun:
    """The files of one run.

    Args:
        files: Those of all runs.
        number: The number of the run.
        message: The message that asked for it.
    """

    def __init__(self, files: RunFiles, number: int, message: Message) -> None:
        self._files = files
        self._number = number
        self._message = message
        self._folder = files.of(number)
        self._collected = Collected()
        self.for_prompt: list[PromptFile] = []

    @property
    def inbox(self) -> Path:
        """The folder with what the run gets."""
        return self._folder.inbox

    @property
    def outbox(self) -> Path:
        """The folder for what it sends."""
        return self._folder.outbox

    @property
    def environment(self) -> dict[str, str]:
        """The variables that name the folders."""
        return {INBOX: str(self.inbox), OUTBOX: str(self.outbox)}

    @property
    def notes(self) -> list[str]:
        """Sentences on what is not sent, once it is collected."""
        return self._collected.notes()

    async def begin(self) -> None:
        """Make the folders, and look at what is in the inbox.

        Raises:
            UserError: They cannot be made.
        """
        folder = await asyncio.to_thread(self._files.settle, self._number, self._message)
        self.for_prompt = await asyncio.to_thread(folder.prompt_files)

    def prompt(self, text: str) -> str:
        """Return a prompt that names the files."""
        return f"{text}\n\n{described(self.for_prompt)}" if self.for_prompt else text

    async def end(self, pictures: Sequence[bytes], chat: RunChat) -> None:
        """Collect what is to be sent, with the pictures of the answer."""
        await asyncio.to_thread(put_pictures, self._folder, pictures)
        self._collected = await asyncio.to_thread(collect, self._folder, chat.secrets)

    async def send(self, chat: RunChat) -> None:
        """Send what was collected."""
        for path in self._collected.files:
            file = Reply("", attachment=path, file_name=path.name, waits=True)
            if await chat.show(file) is None:
                await chat.send(Reply(f"{path.name} could not be sent."))

    async def tidy_up(self) -> None:
        """Remove what nobody needs any longer, also of earlier runs."""
        await asyncio.to_thread(self._folder.tidy_up)
        await asyncio.to_thread(self._files.prune)
