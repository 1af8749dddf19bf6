"""The part of Butler's environment that an agent gets to see."""

import os
from collections.abc import Iterable, Mapping

_NAMES = frozenset({"PATH", "HOME", "LANG", "TERM", "SHELL", "USER", "LOGNAME", "TMPDIR"})
_PREFIXES = ("LC_", "XDG_")


def allowed_environment(
    names: Iterable[str] = (), source: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return what of ``source`` every agent needs, and the variables called ``names``."""
    wanted = _NAMES | set(names)
    return {
        name: value
        for name, value in source.items()
        if name in wanted or name.startswith(_PREFIXES)
    }
