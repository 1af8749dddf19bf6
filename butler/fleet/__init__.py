"""Repos on other machines: a hub hands turns to workers, over Redis."""
