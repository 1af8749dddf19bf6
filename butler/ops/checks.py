"""`butler check` and `butler plugins`: check everything that the configuration names."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version

from butler.app import Setup, open_sessions
from butler.core import loader
from butler.core.check_result import Finding
from butler.core.handlers import commands_of
from butler.core.plugin import Plugin, Settings
from butler.errors import DataError, TransportError
from butler.ops.access_checks import access_findings
from butler.ops.clock import clock_offset, is_wrong
from butler.ops.data_files import file_findings
from butler.ops.metrics.checks import metrics_findings
from butler.ops.moved_link import moved_link
from butler.ops.redis_checks import redis_findings
from butler.ops.repo_checks import repo_findings
from butler.ops.report import clock_ahead_s
from butler.records.sqlite import SqliteRecords
from butler.sessions import StoreError
from butler.storage.files import private_folder
from butler.transports.whatsapp import linked_account
from butler.transports.whatsapp.gateway import installation


def findings(setup: Setup) -> list[Finding]:
    """Run all checks; changes nothing except that it creates the data folder."""
    return _one_for_each_cause(
        [
            Finding(True, "configuration", str(setup.path)),
            *repo_findings(setup.repos),
            _data(setup),
            *redis_findings(setup.config),
            _sessions(setup),
            _records(setup),
            *file_findings(setup.config.data_dir),
            *_clock(setup),
            *access_findings(setup),
            *metrics_findings(setup.config.metrics),
            *_plugins(setup),
            *_plugins_findings(setup),
            _neonize(),
            _account(setup),
        ]
    )


def summary(found: Sequence[Finding]) -> str:
    """Return how many problems and notes there are: ``2 problems, 1 note``."""
    problems = sum(not each.is_fine for each in found)
    notes = sum(each.is_fine and each.is_note for each in found)
    said = [_counted(problems, "problem")] if problems else ["No problems"]
    return f"{', '.join([*said, *([_counted(notes, 'note')] if notes else [])])}."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _one_for_each_cause(found: Iterable[Finding]) -> list[Finding]:
    """Leave out what is wrong for a reason that was reported before."""
    causes: set[str] = set()
    kept: list[Finding] = []
    for each in found:
        if each.is_fine or each.detail not in causes:
            kept.append(each)
        if not each.is_fine:
            causes.add(each.detail)
    return kept


def plugin_lines(setup: Setup) -> list[str]:
    """Return a line for each installed plugin, with its commands if it is enabled."""
    others = sorted(set(loader.installed()) - set(setup.plugins))
    return [
        *(f"{each.subject.removeprefix('plugin '):<12} {each.detail}" for each in _plugins(setup)),
        *(f'{name:<12} not enabled; add it to "enabled" in [plugins]' for name in others),
    ]


def _data(setup: Setup) -> Finding:
    try:
        return Finding(True, "data folder", str(private_folder(setup.config.data_dir)))
    except DataError as error:
        return Finding(False, "data folder", str(error))


def _sessions(setup: Setup) -> Finding:
    try:
        with open_sessions(setup.config) as sessions:
            count = sessions.count_sessions()
    except (StoreError, DataError) as error:
        return Finding(False, "sessions", str(error))
    return Finding(True, "sessions", f"{count:,} in the {setup.config.sessions.store} store")


def _records(setup: Setup) -> Finding:
    try:
        path = private_folder(setup.config.data_dir) / "records.sqlite3"
        SqliteRecords(path)
    except DataError as error:
        return Finding(False, "records", str(error))
    size_mb = path.stat().st_size / 1_000_000
    return Finding(True, "records", f"{size_mb:.1f} of at most {setup.config.records.max_mb:,} MB")


def _clock(setup: Setup) -> Iterator[Finding]:
    ahead_s = clock_ahead_s(setup.config.data_dir)
    if ahead_s is not None and is_wrong(ahead_s):
        yield Finding(False, "clock", f"{clock_offset(ahead_s)}; set it right")


def _plugins(setup: Setup) -> Iterator[Finding]:
    for name, plugin in setup.plugins.items():
        commands = " ".join(f"/{each.name}" for each in commands_of(plugin, name))
        yield Finding(True, f"plugin {name}", commands)


def trials(setup: Setup) -> Iterator[Finding]:
    """Yield what plugins find by trying what they depend on."""
    repos = tuple(setup.repos)
    return _of_plugins(setup, lambda plugin: plugin.trials(repos))


def _plugins_findings(setup: Setup) -> Iterator[Finding]:
    repos = tuple(setup.repos)
    return _of_plugins(setup, lambda plugin: plugin.findings(repos))


def _of_plugins(
    setup: Setup, ask: Callable[[Plugin[Settings]], Iterable[Finding]]
) -> Iterator[Finding]:
    for name, plugin in setup.plugins.items():
        setup.introduce(plugin, name)
        try:
            yield from ask(plugin)
        except Exception as error:  # noqa: BLE001 - the boundary to code of others
            said = f"its own check failed: {type(error).__name__}: {error}"
            yield Finding(False, f"plugin {name}", said)


def _neonize() -> Finding:
    """Check the gateway's dependencies without importing neonize, which takes a second."""
    try:
        installation.look()
    except TransportError as error:
        return Finding(False, "neonize", str(error))
    return Finding(True, "neonize", version("neonize"))


def _account(setup: Setup) -> Finding:
    folder = setup.config.data_dir / "whatsapp"
    try:
        account, moved = linked_account(folder), moved_link(folder)
    except DataError as error:
        return Finding(False, "whatsapp", str(error))
    if account is None:
        return Finding(False, "whatsapp", "not linked; link with: butler pair")
    if moved:
        return Finding(False, "whatsapp", moved)
    return Finding(True, "whatsapp", f"linked as {account}")
