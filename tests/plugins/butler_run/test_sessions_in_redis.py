"""Chats whose sessions are in Redis, while it is there, away, silent, and back."""

import asyncio
from dataclasses import replace

import pytest

from redis_servers import Server

AWAY = [
    "The sessions cannot be accessed: "
    "Redis cannot be reached (connection refused), so nothing was changed."
]
SILENT = ["The sessions cannot be accessed: Redis does not answer, so nothing was changed."]


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "valkey", "appendonly yes").start()
    yield server
    server.kill()


@pytest.fixture
def butler_toml(butler_toml, server):
    return butler_toml.replace("[access]", f'redis.url = "{server.url}"\n[access]').replace(
        "[plugins]", '[sessions]\nstore = "redis"\n[plugins]'
    )


async def test_a_chat_is_served_from_redis(chat, server):
    assert (await chat("/use api"))[0].startswith("This chat now works on *api*")
    assert (await chat("/use web"))[0].endswith("It was api before.")
    assert (await chat("/sessions")) == ["• team@g.us (this chat): *web*, just now"]

    assert (await chat("/clear"))[0].startswith("This chat no longer has an active repo.")
    assert server.say("HLEN", next(iter(server.say("KEYS", "*sessions*")), "none")) == 0


async def test_while_redis_is_away_a_run_goes_on_and_a_change_is_refused_in_one_sentence(
    chat, script, server, answer, wait_for
):
    script.turns({"write": "made.txt", "content": "made\n"}, {"ask": {"command": "true"}})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "wants to")
    server.kill()

    assert await chat("/use web") == AWAY
    assert await chat("/repo") == AWAY
    assert await chat("/clear") == AWAY
    assert "/use" in (await chat("/help"))[0]
    await chat("yes")

    assert "1 file +1" in (await answer(chat)).reply.text


async def test_while_redis_is_away_a_run_can_be_stopped(chat, script, server, wait_for):
    script.turns({"wait": True})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "Run 1 started in *api*")
    server.kill()

    assert (await chat("/stop"))[0].endswith(" No files changed.")


async def test_while_redis_is_silent_other_commands_do_not_wait_for_it(chat, server):
    await chat("/use api")
    server.pause()
    # Many more than there are threads for everything else.
    chats = [replace(chat, chat_id=f"{number}@g.us") for number in range(40)]

    waiting = [asyncio.create_task(each("/use web")) for each in chats]
    await asyncio.sleep(0)
    helped = await chat.chat("third@g.us")("/help")

    assert "/use" in helped[0]
    assert not any(each.done() for each in waiting)
    assert await asyncio.gather(*waiting) == [SILENT] * 40
    server.resume()


async def test_once_redis_is_back_the_next_command_works_and_nothing_is_lost(chat, server, mocker):
    mocker.patch("butler.storage.redis.PAUSE_S", 0.0)
    await chat("/use api")
    server.kill()
    assert await chat("/use web") == AWAY

    server.start()

    assert (await chat("/repo"))[0].startswith("*api*")
