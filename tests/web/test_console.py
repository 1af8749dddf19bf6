"""The bot behind "Try it"."""

import asyncio

from butler.web.console import Console


async def test_two_messages_at_once_start_one_bot(mocker, tmp_path):
    async def started(*_command, **_pipes):
        await asyncio.sleep(0)
        bot = mocker.Mock(returncode=None)
        bot.stdin.drain = mocker.AsyncMock()
        bot.stdout.readline = mocker.AsyncMock(return_value=b"")
        return bot

    start = mocker.patch("asyncio.create_subprocess_exec", side_effect=started)
    console = Console(tmp_path / "config.toml")

    await asyncio.gather(console.say("a", "", "/repos"), console.say("a", "", "/help"))

    assert start.call_count == 1
    assert [each.text for each in console.bubbles("a")] == ["/repos", "/help"]
