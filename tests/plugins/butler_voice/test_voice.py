"""Voice messages in a chat: heard, shown, confirmed, acted upon."""

import asyncio
import json

import pytest

from butler import Attachment
from butler.testing import OWNER, make_working_copy
from butler.testing.agents import scripted_agent
from butler_process import PATIENCE_S

DIRECT = "+4915112345678@s.whatsapp.net"
OGG = b"OggS" + bytes(2_000)


@pytest.fixture
def voice_options(service):
    return f'url = "{service.url}"\nkey = "sk-secret"\nlanguage = "en"'


@pytest.fixture
def butler_toml(tmp_path, voice_options):
    make_working_copy(tmp_path / "api")
    command = scripted_agent("acp", tmp_path, {"turns": [[{"say": "Heard: {prompt}"}]]})
    return f"""
        data_dir = "{tmp_path}/data"
        repos.api.path = "{tmp_path}/api"
        [access]
        owners = ["{OWNER}"]
        chats = ["team@g.us"]
        [plugins]
        enabled = ["session", "run", "voice"]
        [plugins.run]
        sandbox = "off"
        agent = "scripted"
        agents.scripted.command = {json.dumps(command)}
        [plugins.voice]
        {voice_options}
    """


@pytest.fixture
def speak(tmp_path):
    """Send a voice message; return the replies."""

    async def spoken(chat, data=OGG, duration_s=3.0, **details):
        path = tmp_path / "voice"
        path.write_bytes(data)
        size = details.pop("size", len(data))
        kind = "voice message"
        recording = Attachment(kind, "", "audio/ogg", size, duration_s=duration_s, path=path)
        return await chat("", attachments=(recording,), media=kind, **details)

    return spoken


@pytest.fixture
async def direct(chat):
    direct = chat.chat(DIRECT)
    await direct("/use api")
    return direct


async def done(chat):
    """Wait for the answer of the run."""

    def answers():
        texts = (each.reply.text for each in chat.transport.sent)
        return [text.partition("\n")[0] for text in texts if text.startswith("Heard: ")]

    async with asyncio.timeout(PATIENCE_S):
        while not (found := answers()):
            await chat.next_reply()
    return found[0]


def question(chat):
    return chat.transport.sent[-1].id


async def test_what_was_heard_is_shown_and_confirmed_before_it_is_run(direct, service, speak):
    service.says("Run the tests and tell me which fail.")

    assert await speak(direct) == [
        "🎙 _Run the tests and tell me which fail._\n"
        "Run this in *api*? yes, no, or send it corrected as a reply."
    ]
    assert await direct("yes") == []

    assert await done(direct) == "Heard: Run the tests and tell me which fail."


async def test_the_recording_goes_to_the_service_with_key_and_language(direct, service, speak):
    service.says("hello")
    await speak(direct)

    ((path, headers, body),) = service.requests
    assert path == "/v1/audio/transcriptions"
    assert headers["Authorization"] == "Bearer sk-secret"
    assert OGG in body
    assert b'name="language"\r\n\r\nen' in body


async def test_a_thumb_confirms(direct, service, speak):
    service.says("fix it")
    await speak(direct)

    await direct("👍", is_reaction=True, quoted_id=question(direct))

    assert await done(direct) == "Heard: fix it"


async def test_no_drops_it(direct, service, speak):
    service.says("fix it")
    await speak(direct)

    assert await direct("no") == ["Then I do nothing."]
    assert (await direct("yes"))[0].startswith("Plain text is not a prompt here.")


async def test_a_corrected_text_as_a_reply_replaces_it(direct, service, speak):
    service.says("fix the taste")
    await speak(direct)

    await direct("fix the tests", quoted_id=question(direct))

    assert await done(direct) == "Heard: fix the tests"


async def test_a_yes_of_somebody_else_confirms_nothing(chat, service, speak):
    await chat("/use api")
    await chat("/chat on")
    service.says("fix it")
    await speak(chat)
    other = chat.person("+4930123456")

    await other("👍", is_reaction=True, quoted_id=question(chat))

    assert await chat("/runs") == ["No runs in this chat yet. /run <prompt> starts one."]


async def test_a_spoken_command_is_shown_with_its_reply(direct, service, speak):
    service.says("Slash repos.")

    (said,) = await speak(direct)

    assert said.startswith("🎙 _Slash repos._\n\n")


async def test_a_spoken_command_that_acts_is_confirmed(direct, service, speak):
    service.says("slash clear")

    (said,) = await speak(direct)
    assert said == ("🎙 _slash clear_\nDo this in *api*? yes, no, or send it corrected as a reply.")

    assert await direct("yes") == [
        "This chat no longer has an active repo. /use <repo> selects one."
    ]


@pytest.mark.parametrize("words", ["Stop.", "stop", "Slash stop!"])
async def test_stop_acts_at_once(direct, service, speak, words):
    service.says(words)

    assert await speak(direct) == [f"🎙 _{words}_\n\nNothing is running in this chat."]


async def test_a_voice_message_in_a_group_is_nobodys_business(chat, service, speak):
    await chat("/use api")

    assert await speak(chat) == []
    assert chat.transport.fetched == []
    assert service.requests == []


async def test_the_voice_of_a_stranger_is_never_fetched(chat, service, speak):
    stranger = chat.person("+4930999999").chat("+4930999999@s.whatsapp.net")

    assert await speak(stranger) == []
    assert chat.transport.fetched == []


@pytest.mark.parametrize(
    ("status", "answer", "sentence"),
    [
        (401, {}, "The speech-to-text service said 401: its key is wrong. Write it."),
        (400, {}, "The recording could not be read. Record it again."),
        (500, {}, "The speech-to-text service said 500. Write it, or try again."),
        (200, b"<html>", "The speech-to-text service gave no answer that I understand. Write it."),
        (200, {"text": " "}, "I could not make out any words. Say it again, or write it."),
        (200, {"text": "[Music]"}, "I could not make out any words. Say it again, or write it."),
        (
            200,
            {"text": "♪ (music) ♪"},
            "I could not make out any words. Say it again, or write it.",
        ),
        (
            200,
            {"text": "Thank you.", "segments": [{"text": "Thank you.", "no_speech_prob": 0.9}]},
            "I could not make out any words. Say it again, or write it.",
        ),
    ],
)
async def test_what_goes_wrong_is_one_sentence(direct, service, speak, status, answer, sentence):
    service.status, service.answer = status, answer

    assert await speak(direct) == [sentence]


async def test_segments_of_another_form_are_left_out(direct, service, speak):
    service.answer = {"text": "fix it", "segments": ["fix", "it"]}

    (said,) = await speak(direct)

    assert said.startswith("🎙 _fix it_")


async def test_a_service_that_is_not_there_is_one_sentence(direct, service, speak):
    service.stop()

    assert await speak(direct) == ["The speech-to-text service cannot be reached. Write it."]


async def test_audio_that_claims_three_hours_is_not_fetched(direct, service, speak):
    said = await speak(direct, duration_s=10_800.0)

    assert said == ["The voice message is too long (3 h): 5 min is the most."]
    assert direct.transport.fetched == []


async def test_audio_larger_than_five_minutes_can_be_is_not_fetched(direct, service, speak):
    (said,) = await speak(direct, size=4_000_001)

    assert said.startswith("The voice message is too long")
    assert direct.transport.fetched == []


async def test_an_empty_recording_is_said(direct, service, speak):
    assert await speak(direct, data=b"") == ["The voice message is empty. Record it again."]


async def test_a_recording_that_has_expired_is_said(direct, service, speak):
    direct.transport.unfetchable = "WhatsApp no longer has this file. Send it again."

    assert await speak(direct) == ["WhatsApp no longer has this file. Send it again."]


class TestNever:
    @pytest.fixture
    def voice_options(self, service):
        return f'url = "{service.url}"\nconfirm = "never"'

    async def test_what_was_heard_is_run_at_once_and_shown(self, direct, service, speak):
        service.says("fix_it now")

        assert await speak(direct) == ["🎙 _fix\N{FULLWIDTH LOW LINE}it now_"]

        assert await done(direct) == "Heard: fix_it now"


class TestSlow:
    @pytest.fixture
    def voice_options(self, service):
        return f'url = "{service.url}"\ntime_limit = "1s"'

    async def test_a_service_that_says_nothing_is_given_up(self, direct, service, speak):
        service.is_silent.set()

        assert await speak(direct) == ["Speech to text took more than 1 s. Write it instead."]


class TestCommand:
    @pytest.fixture
    def voice_options(self):
        return """command = ["sh", "-c", "echo words of $(wc -c < '{file}') bytes"]"""

    async def test_a_program_says_the_words(self, direct, speak):
        (said,) = await speak(direct)

        assert said.startswith(f"🎙 _words of {len(OGG)} bytes_")


class TestBadCommand:
    @pytest.fixture
    def voice_options(self):
        return 'command = ["no-such-program", "{file}"]'

    async def test_a_program_that_is_not_there_is_one_sentence(self, direct, speak):
        assert await speak(direct) == [
            "Speech to text is not set up: no-such-program cannot be started. Write it."
        ]


class TestNothing:
    @pytest.fixture
    def voice_options(self, mocker):
        mocker.patch("butler_voice.engines.has_whisper", return_value=False)
        return ""

    async def test_an_engine_that_is_not_set_up_is_one_sentence(self, direct, speak):
        (said,) = await speak(direct)

        assert said.startswith("Speech to text is not set up: [plugins.voice] needs url")
