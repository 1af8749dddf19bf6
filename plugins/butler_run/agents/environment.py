"""The part of Butler's environment that an agent gets."""

import os
from collections.abc import Iterable, Mapping

_NAMES = frozenset({"PATH", "HOME", "LANG", "TERM", "SHELL", "USER", "LOGNAME", "TMPDIR"})
_PREFIXES = ("LC_", "XDG_")


def allowed_environment(
    names: Iterable[str] = (), source: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the variables of ``source`` that every agent needs, and those called ``names``."""
    wanted = _NAMES | set(names)
    return {
        name: value
        for name, value in source.items()
        if name in wanted or name.startswith(_PREFIXES)
    }
