from butler.testing import butler_toml, chat, clock

__all__ = ["butler_toml", "chat", "clock"]
