"""The plugin that makes text of voice messages."""

from butler_voice.plugin import VoicePlugin

__all__ = ["VoicePlugin"]
