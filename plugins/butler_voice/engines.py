"""Engines: what makes text of a recording."""

import asyncio
import importlib.util
import logging
import os
import re
import signal
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from butler import UserError
from butler_voice.settings import VoiceSettings

logger = logging.getLogger(__name__)

SILENT = 0.6
"""The probability of no speech from which on a piece of text counts as invented."""

MAX_OUTPUT_BYTES = 100_000
REMOTE_MODEL, LOCAL_MODEL = "whisper-1", "base"

_NOISE = re.compile(r"\s*[\[(*♪♫][^\])*♪♫]{0,60}[\])*♪♫]\s*|♪|♫")
_UNAUTHORIZED = frozenset({401, 403})
_OK = 200
_NOT_READ = "The recording could not be read. Record it again."
_NOT_SET_UP = (
    "Speech to text is not set up: [plugins.voice] needs url, command, or the extra "
    "butler-whatsapp[voice]. Write it instead."
)


class Engine(Protocol):
    """Makes text of a recording."""

    async def text(self, path: Path, media_type: str) -> str:
        """Return the words; empty if there are none.

        Raises:
            UserError: It cannot be done; the text says why.
        """
        ...


def engine_of(settings: VoiceSettings) -> Engine:
    """Return the engine that is set up."""
    if settings.url is not None:
        return HttpEngine(settings, settings.url)
    if settings.command:
        return CommandEngine(settings.command)
    return LocalEngine(settings) if has_whisper() else NoEngine()


def has_whisper() -> bool:
    """Return whether faster-whisper is installed."""
    return importlib.util.find_spec("faster_whisper") is not None


class NoEngine:
    """Says that nothing is set up."""

    async def text(self, path: Path, media_type: str) -> str:
        """Refuse, see ``Engine``."""
        raise UserError(_NOT_SET_UP)


class HttpEngine:
    """Any service with the interface of OpenAI's ``/v1/audio/transcriptions``."""

    def __init__(self, settings: VoiceSettings, url: str) -> None:
        self._url = f"{url.rstrip('/')}/audio/transcriptions"
        self._key = settings.key.get_secret_value() if settings.key else ""
        self._fields = {"model": settings.model or REMOTE_MODEL, "response_format": "verbose_json"}
        if settings.language:
            self._fields["language"] = settings.language

    async def text(self, path: Path, media_type: str) -> str:
        """Upload the recording, see ``Engine``."""
        import httpx

        data = await asyncio.to_thread(path.read_bytes)
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        file = {"file": ("voice.ogg", data, media_type or "audio/ogg")}
        try:
            async with httpx.AsyncClient(timeout=None) as client:  # noqa: S113 - the plugin's limit
                answer = await client.post(
                    self._url, data=self._fields, files=file, headers=headers
                )
        except httpx.HTTPError as error:
            logger.warning("speech to text: %r", error)
            raise UserError("The speech-to-text service cannot be reached. Write it.") from error
        return _text_of(answer.status_code, answer)


def _text_of(status: int, answer: Any) -> str:
    if status in _UNAUTHORIZED:
        raise UserError(f"The speech-to-text service said {status}: its key is wrong. Write it.")
    if status == 400:
        raise UserError(_NOT_READ)
    if status != _OK:
        raise UserError(f"The speech-to-text service said {status}. Write it, or try again.")
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        raise UserError("The speech-to-text service gave no answer that I understand. Write it.")
    segments = found.get("segments")
    if not isinstance(segments, list) or not all(isinstance(each, dict) for each in segments):
        segments = []
    texts = [(str(each.get("text", "")), each.get("no_speech_prob", 0)) for each in segments]
    return spoken(texts or [(found["text"], 0.0)])


class CommandEngine:
    """Any program that prints the words."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    async def text(self, path: Path, media_type: str) -> str:
        """Run the program, see ``Engine``."""
        command = [each.replace("{file}", str(path)) for each in self._command]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise UserError(
                f"Speech to text is not set up: {command[0]} cannot be started. Write it."
            ) from error
        try:
            output, _errors = await process.communicate()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode != 0:
            logger.warning("%s ended with %s", command[0], process.returncode)
            raise UserError(_NOT_READ)
        return spoken([(output[:MAX_OUTPUT_BYTES].decode(errors="replace"), 0.0)])


class LocalEngine:
    """faster-whisper on this machine; one recording at a time."""

    def __init__(self, settings: VoiceSettings) -> None:
        self._name = settings.model or LOCAL_MODEL
        self._language = settings.language
        self._model: Any = None
        self._lock = threading.Lock()

    async def text(self, path: Path, media_type: str) -> str:
        """Transcribe in a thread, see ``Engine``."""
        return await asyncio.to_thread(self._transcribed, path)

    def _transcribed(self, path: Path) -> str:
        with self._lock:
            try:
                model = self._loaded()
            except Exception as error:
                logger.warning("speech to text: %r", error)
                raise UserError(
                    f"Speech to text is not set up: the model {self._name} cannot be loaded."
                ) from error
            try:
                segments, _info = model.transcribe(
                    str(path), language=self._language, vad_filter=True
                )
                return spoken((each.text, each.no_speech_prob) for each in segments)
            except Exception as error:
                logger.warning("speech to text: %r", error)
                raise UserError(_NOT_READ) from error

    def _loaded(self) -> Any:
        if self._model is None:
            from faster_whisper import WhisperModel

            self._model = WhisperModel(self._name, device="cpu", compute_type="int8")
        return self._model


def spoken(segments: Iterable[tuple[str, object]]) -> str:
    """Return the words of segments in which somebody speaks, without the names of noises."""
    texts = (
        text for text, silent in segments if not isinstance(silent, int | float) or silent < SILENT
    )
    return " ".join(_NOISE.sub(" ", " ".join(texts)).split())
