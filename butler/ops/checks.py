"""`butler check` and `butler plugins`: check everything that the configuration names."""

from collections.abc import Iterator
from importlib.metadata import version

from butler.app import Setup, open_sessions
from butler.core import loader
from butler.core.check_result import Finding
from butler.core.plugin import commands_of
from butler.errors import DataError, TransportError
from butler.records.sqlite import SqliteRecords
from butler.sessions import StoreError
from butler.storage.files import private_folder
from butler.transports.whatsapp import linked_account
from butler.transports.whatsapp.gateway import installation


def findings(setup: Setup) -> list[Finding]:
    """Run all checks; changes nothing except that it creates the data folder."""
    return [
        Finding(True, "configuration", str(setup.path)),
        *_repos(setup),
        _data(setup),
        _sessions(setup),
        _records(setup),
        *_grants(setup),
        *_plugins(setup),
        *_plugins_findings(setup),
        _neonize(),
        _account(setup),
    ]


def plugin_lines(setup: Setup) -> list[str]:
    """Return a line for each installed plugin, with its commands if it is enabled."""
    others = sorted(set(loader.installed()) - set(setup.plugins))
    return [
        *(f"{each.subject.removeprefix('plugin '):<12} {each.detail}" for each in _plugins(setup)),
        *(f'{name:<12} not enabled; add it to "enabled" in [plugins]' for name in others),
    ]


def _repos(setup: Setup) -> Iterator[Finding]:
    for repo in setup.repos:
        problem = repo.problem()
        yield Finding(
            problem is None, f"repo {repo.name}", f"{repo.path}{f' {problem}' if problem else ''}"
        )
    for problem in setup.repos.folder_problems:
        yield Finding(False, "repo_folders", problem)
    if not len(setup.repos):
        yield Finding(False, "repos", "none; configure one under [repos.<name>]")


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


def _grants(setup: Setup) -> list[Finding]:
    """Report the number of grants, and those that the configuration overrides."""
    rules = setup.gate.access
    try:
        with setup.grants as grants:
            known = len(grants.chats) + len(grants.people)
            people = [each.person for each in grants.people if not each.is_allowed]
            chats = [each.chat_id for each in grants.chats]
    except DataError as error:
        return [Finding(False, "grants", str(error))]
    denied = [
        each
        for each in people
        if each in rules.owners or each in rules.users or rules.names_in_a_chat(each)
    ]
    closed = [each for each in chats if each in rules.rules and rules.rules[each].people]
    return [
        Finding(True, "grants", f"{known:,} chats and people allowed or denied from a chat"),
        *(_overruled(f"{each} was denied from a chat") for each in denied),
        *(_overruled(f"{each} was opened from a chat") for each in closed),
    ]


def _overruled(what: str) -> Finding:
    return Finding(True, "grants", f"{what}, but the configuration overrides that", True)


def _plugins(setup: Setup) -> Iterator[Finding]:
    for name, plugin in setup.plugins.items():
        commands = " ".join(f"/{each.name}" for each in commands_of(plugin, name))
        yield Finding(True, f"plugin {name}", commands)


def _plugins_findings(setup: Setup) -> Iterator[Finding]:
    for name, plugin in setup.plugins.items():
        setup.introduce(plugin)
        try:
            yield from plugin.findings(tuple(setup.repos))
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
    try:
        account = linked_account(setup.config.data_dir / "whatsapp")
    except DataError as error:
        return Finding(False, "whatsapp", str(error))
    return Finding(
        True,
        "whatsapp",
        f"linked as {account}" if account else "not linked; link with: butler pair",
    )
