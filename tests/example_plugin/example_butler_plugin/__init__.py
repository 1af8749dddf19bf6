"""A plugin as somebody else would write it: its own distribution, options and state."""

import asyncio
from typing import Literal

from butler import Context, Plugin, Repo, Settings, UserError, command


class EchoSettings(Settings):
    """``[plugins.echo]``."""

    most: int = 3
    loud: bool = False


class EchoPlugin(Plugin[EchoSettings]):
    """Says again what it was told."""

    settings_type = EchoSettings

    @command(aliases=("say",))
    async def echo(self, ctx: Context, *, text: str) -> str:
        """Say a text again."""
        return text.upper() if self.settings.loud else text

    @command()
    async def repeat(self, ctx: Context, times: int, word: str = "again") -> str:
        """Say a word several times."""
        if times > self.settings.most:
            raise UserError(f"{self.settings.most} times at the most.")
        return " ".join([word] * times)

    @command()
    async def where(self, ctx: Context, repo: Repo, style: Literal["name", "path"] = "name") -> str:
        """Say where a repo is."""
        return repo.name if style == "name" else str(repo.path)

    @command()
    async def later(self, ctx: Context, *words: str) -> None:
        """Answer after the turn is over."""

        async def answer() -> None:
            await asyncio.sleep(0)
            await ctx.reply(f"{len(words)} words")

        ctx.start(answer(), "an answer")
