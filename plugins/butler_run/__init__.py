"""The plugin that lets coding agents work in the chat's repo."""

from butler_run.plugin import RunPlugin

__all__ = ["RunPlugin"]
