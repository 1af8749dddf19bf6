"""discord.py: messages through ``Bot.process_commands``; state in a dict."""

import asyncio
from dataclasses import dataclass
from functools import partial

from discord import Intents
from discord.ext import commands
from worker import COMMAND_NAMES, Sink, chat_number, one_by_one, serve


@dataclass
class Someone:
    id: int
    bot: bool = False


@dataclass
class Channel:
    id: int
    sink: Sink

    async def send(self, text: str) -> None:
        self.sink.put(text)


@dataclass
class Message:
    id: int
    content: str
    channel: Channel
    author: Someone
    guild: None = None
    attachments: tuple[()] = ()
    _state: None = None


def message(sink: Sink, number: int, text: str) -> Message:
    return Message(number, text, Channel(chat_number(number), sink), Someone(7))


async def main() -> None:
    bot = commands.Bot("/", intents=Intents.all(), help_command=None)
    bot._connection.user = Someone(1, bot=True)  # noqa: SLF001 - a log-in would set it
    repos: dict[int, str] = {}

    async def use(ctx: commands.Context[commands.Bot], repo: str) -> None:
        repos[ctx.channel.id] = repo
        await ctx.channel.send(f"This chat now works on *{repo}*.")

    for name in COMMAND_NAMES:
        bot.add_command(commands.Command(use, name=name))
    sink = Sink()
    handle_all = partial(one_by_one, bot.process_commands)
    await serve(partial(message, sink), handle_all, sink.count, "discord.py")


if __name__ == "__main__":
    asyncio.run(main())
