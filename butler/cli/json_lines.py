"""The one shape of what `--json` prints: an object a line, the same names, times of RFC 3339."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

_TIMES = frozenset({"time", "started", "since", "retry_at", "last_in", "last_out"})


def json_line(fields: Mapping[str, object]) -> str:
    """Return ``fields`` as a line of JSON, escaped if it contains control characters.

    The values of fields that are times are Unix seconds, or None.
    """
    shown = {name: _shown(name, value) for name, value in fields.items()}
    text = json.dumps(shown, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(shown)


def _shown(name: str, value: object) -> object:
    if name in _TIMES and isinstance(value, int | float):
        at = datetime.fromtimestamp(value, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
