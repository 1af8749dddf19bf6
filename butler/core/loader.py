"""The plugin loader: finds plugins by entry points and instantiates them."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points

from butler.core.handlers import listeners_of
from butler.core.plugin import Plugin, Settings
from butler.errors import PluginError

GROUP = "butler.plugins"


def installed() -> dict[str, EntryPoint]:
    """Return the plugin entry points of all installed distributions, by name.

    Raises:
        PluginError: Two distributions define a plugin of the same name.
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise PluginError(
                f"plugin {entry.name!r} is installed twice: {other.value} and {entry.value}."
            )
    return found


def load(name: str, entries: Mapping[str, EntryPoint]) -> type[Plugin[Settings]]:
    """Return the class of the plugin called ``name``.

    Raises:
        PluginError: It is not installed, cannot be imported, or is not a plugin.
    """
    if name not in entries:
        raise PluginError(f"plugin {name!r} is not installed ({_hint(name, entries)}).")
    try:
        cls = entries[name].load()
    except (Exception, SystemExit) as error:  # the boundary to code of others, at its import
        raise PluginError(
            f"plugin {name!r} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(cls, type) and issubclass(cls, Plugin)):
        raise PluginError(f"plugin {name!r}: {entries[name].value} is not a subclass of Plugin.")
    return cls


def make(name: str, cls: type[Plugin[Settings]], settings: Settings) -> Plugin[Settings]:
    """Instantiate the plugin.

    Raises:
        PluginError: Its constructor failed, or one of its listeners breaks a rule.
    """
    try:
        plugin = cls(settings)
    except Exception as error:  # the boundary to code of others
        raise PluginError(f"plugin {name!r} does not start: {error}") from error
    listeners_of(plugin, name)
    return plugin


def _hint(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    if near := get_close_matches(name, known, n=1):
        return f"did you mean {near[0]!r}?"
    return f"installed: {', '.join(known) or 'none'}"
