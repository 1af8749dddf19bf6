"""The plugin that gives every chat its active repo."""

from butler_session.plugin import SessionPlugin

__all__ = ["SessionPlugin"]
