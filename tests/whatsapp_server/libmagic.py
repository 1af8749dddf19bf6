"""Lets neonize be imported where the system has no libmagic: import this before it."""

import os
from ctypes.util import find_library
from importlib import import_module


def _provide() -> None:
    """Use the libmagic of the package ``pylibmagic`` if there is no other.

    The package also sets the search path of libraries, which child processes must not inherit.
    """
    if find_library("magic") is not None:
        return
    before = {name: os.environ.get(name) for name in ("LIBRARY_PATH", "LD_LIBRARY_PATH")}
    import_module("pylibmagic")
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


_provide()
