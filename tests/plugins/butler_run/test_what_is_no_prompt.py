"""Messages around a prompt: plain text where it is none, and what is no text."""

import pytest

from butler.app import read_setup
from butler.testing import open_chat

ANNA, HERS = "+4930111111", "4930111111@s.whatsapp.net"
DIRECT = "4915112345678@s.whatsapp.net"


async def test_in_a_direct_chat_plain_text_that_is_no_prompt_gets_the_way_on(chat):
    assert await chat.chat(DIRECT)("hello there") == [
        "Plain text is not a prompt here. /run <prompt>, or /chat on. /help lists the commands."
    ]
    assert await chat("hello there") == []


async def test_who_may_not_run_anything_is_not_told_to(butler_toml, tmp_path):
    rule = f'users = ["{ANNA}"]\n[access.rules."{HERS}"]\ncommands = {{ run = "owner" }}'
    path = tmp_path / "raised.toml"
    path.write_text(butler_toml.replace("[plugins]", f"{rule}\n[plugins]"))
    async with open_chat(read_setup(path)) as chat:
        anna = chat.person(ANNA).chat(HERS)

        assert await anna("hello there") == ["That is not a command. /help lists the commands."]


async def test_with_chat_on_what_is_no_text_gets_a_sentence(chat):
    await chat("/use api")
    await chat("/chat on")

    assert await chat("", media="voice message") == [
        "I cannot read a voice message. Write what you want as text."
    ]
    assert await chat("", media="sticker") == []


@pytest.mark.parametrize("text", ["/run make it look like this", "make it look like this"])
async def test_a_place_with_words_is_run_and_said_to_be_left_out(chat, script, answer, text):
    script.turns({"say": "Heard: {prompt}"})
    await chat("/use api")
    await chat("/chat on")

    assert await chat(text, media="location") == [
        "The location was left out: I can only pass on text and files."
    ]
    assert (await answer(chat)).reply.text.startswith("Heard: make it look like this\n")
