"""A configuration that changes while Butler runs."""

import asyncio
import os
import signal

import pytest

from butler import cli
from butler.app import read_setup
from butler.core.plugin import Plugin, Settings
from butler.errors import UserError
from butler.ops import last_good, reloading
from butler.ops.notify_socket import NotifySocket
from butler.ops.reloading import Reloader
from butler.ops.shutdown import converse
from butler.records.model import MemoryRecords
from butler.testing import FakeTransport, make_working_copy, open_chat
from butler_process import PATIENCE_S
from whatsapp_daemon import eventually


@pytest.fixture
def path(butler_toml, tmp_path):
    path = tmp_path / "butler.toml"
    path.touch(0o600)
    path.write_text(butler_toml)
    return path


class Running:
    """A chat, and the reloader of its bot."""

    def __init__(self, path, chat, setup):
        self.path, self.chat = path, chat
        self.changes = []
        self.reloader = Reloader(setup, NotifySocket(), self.changes.append)

    async def with_more(self, more):
        self.path.write_text(f"{self.path.read_text()}\n{more}\n")
        return await self.reloader.reload()


@pytest.fixture
async def running(path):
    setup = read_setup(path)
    async with open_chat(setup) as chat:
        yield Running(path, chat, setup)


async def test_what_has_not_changed_is_said(running):
    assert await running.reloader.reload() == "Nothing has changed."


async def test_a_new_repo_can_be_used_at_once(running, tmp_path):
    make_working_copy(tmp_path / "web")

    said = await running.with_more(f'[repos.web]\npath = "{tmp_path}/web"')

    assert said == "In force now: repos."
    assert (await running.chat("/use web"))[0].startswith("This chat now works on *web*")


async def test_who_is_shut_out_is_shut_out_at_once(running, path):
    person = running.chat.person("4711@lid")
    before = await person("/repos")

    path.write_text(path.read_text().replace('chats = ["team@g.us", "other@g.us"]', "chats = []"))
    said = await running.reloader.reload()

    assert before
    assert said == "In force now: access."
    assert await person("/repos") == []


async def test_a_new_limit_holds_at_once(running):
    person = running.chat.person("4711@lid")
    await running.with_more("[limits]\nperson_per_minute = 1\nperson_burst = 1")

    first, second = await person("/repos"), await person("/repos")

    assert first[0].startswith("*api*") or "api" in first[0]
    assert second[0].startswith("Too many commands.")


async def test_new_agents_and_budgets_hold_at_once(running):
    said = await running.with_more(
        '[plugins.run]\nmax_runs = 1\n[plugins.run.agents.tests]\nkind = "command"\n'
        'command = ["make", "test"]'
    )

    assert said == "In force now: plugins.run."
    await running.chat("/use api")
    assert "tests" in "".join(await running.chat("/agent"))


async def test_what_waits_for_a_restart_is_said_each_time(running):
    more = '[whatsapp]\ndevice_name = "Other"\n[plugins.run]\nmax_snapshot_mb = 7'

    said = [await running.with_more(more), await running.reloader.reload()]

    assert "This waits for a restart: whatsapp, plugins.run.max_snapshot_mb." in said[0]
    assert "This waits for a restart: whatsapp" in said[1]


async def test_with_a_mistake_nothing_at_all_changes_and_all_mistakes_are_named(running, path):
    person, before = running.chat.person("4711@lid"), path.read_text()
    path.write_text(
        before.replace('chats = ["team@g.us", "other@g.us"]', "chats = []")
        + "[limits]\nperson_burst = 0\n[log]\nlevel = 1\n"
    )

    with pytest.raises(UserError) as refused:
        await running.reloader.reload()

    said = str(refused.value)
    assert said.startswith("The configuration has mistakes, so the old one stays in force:\n")
    assert "limits.person_burst" in said
    assert "log.level" in said
    assert await person("/repos")
    assert running.changes == []


async def test_a_mistake_in_the_toml_is_told_with_its_line(running, path):
    path.write_text("prefix = \n")

    with pytest.raises(UserError, match=r"line 1"):
        await running.reloader.reload()


class Stubborn(Plugin):
    """Does not take what it does not like."""

    class settings_type(Settings):  # noqa: N801 - the name of the attribute
        """Its options."""

        word: str = "old"

    def reload(self, settings):
        raise ValueError(settings.word)


async def test_a_plugin_that_breaks_while_reloading_waits_for_a_restart(caplog):
    plugin = Stubborn(Stubborn.settings_type())

    waiting = reloading._waiting_in(plugin, "x", Stubborn.settings_type(word="new"))

    assert waiting == ["plugins.x"]
    assert "does not take its new options" in caplog.text


def test_a_plugin_that_knows_nothing_of_reloading_names_what_waits():
    class Plain(Stubborn):
        reload = Plugin.reload

    plugin = Plain(Stubborn.settings_type())

    assert list(plugin.reload(Stubborn.settings_type(word="new"))) == ["word"]


class Serving:
    """A bot that serves, and what its owner hears."""

    def __init__(self, setup, **options):
        self.transport = FakeTransport()
        self.reloader = Reloader(setup, NotifySocket(), lambda _new: None, **options)
        self.task = asyncio.create_task(
            converse(setup, self.transport, MemoryRecords(), reloader=self.reloader)
        )

    async def told(self, count):
        """Wait until the owner was told so many things; return the last."""
        sent = await asyncio.wait_for(
            self.transport.wait_for_sent("owner@lid", count - 1), PATIENCE_S
        )
        return sent.reply.text


@pytest.fixture
async def serve(path, monkeypatch):
    monkeypatch.setattr(reloading, "LOOK_EVERY_S", 0.02)
    found = []

    def serve(**options):
        found.append(Serving(read_setup(path), **options))
        return found[-1]

    yield serve
    for each in found:
        each.task.cancel()
    await asyncio.gather(*(each.task for each in found), return_exceptions=True)


async def test_the_file_is_watched_and_its_mistakes_are_told_once(serve, path):
    serving, good = serve(), path.read_text()

    path.write_text(f"{good}\nprefixx = 1\n")
    mistakes = await serving.told(1)
    path.write_text(f"{good}\n[limits]\nperson_burst = 3\n")
    again = await serving.told(2)

    assert "did you mean prefix?" in mistakes or "unknown key" in mistakes
    assert again == "The configuration is in order again. In force now: limits."


async def test_a_hangup_reloads_where_there_is_no_terminal(serve, path):
    serving = serve()
    await eventually(lambda: signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL)
    path.write_text("prefix = \n")

    os.kill(os.getpid(), signal.SIGHUP)

    assert "line 1" in await serving.told(1)
    assert not serving.task.done()


async def test_a_hangup_ends_it_where_the_terminal_has_gone(serve):
    serving = serve(is_in_terminal=True)
    await eventually(lambda: signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL)

    os.kill(os.getpid(), signal.SIGHUP)

    await asyncio.wait_for(serving.task, PATIENCE_S)


async def test_a_broken_file_starts_the_last_good_one_and_the_owner_is_told(serve, path):
    last_good.keep(read_setup(path))
    path.write_text(f"{path.read_text()}\nprefixx = 1\n")

    setup, news = last_good.read_or_last_good(path)
    serving = Serving(setup, news=news)
    told = await serving.told(1)
    serving.task.cancel()
    await asyncio.gather(serving.task, return_exceptions=True)

    assert [each.name for each in setup.repos] == ["api"]
    assert "Changes to access since then are NOT in force" in told
    assert "prefixx" in told


def test_what_was_kept_is_private_and_its_paths_start_where_they_did(path, tmp_path):
    path.write_text('repos.api.path = "api"\n')

    last_good.keep(read_setup(path))
    kept = last_good.kept_file(path)
    path.write_text("x")
    setup, news = last_good.read_or_last_good(path)

    assert kept.stat().st_mode & 0o777 == 0o600
    assert setup.repos.get("api").path == tmp_path / "api"
    assert news


@pytest.mark.parametrize("command", [("run", "--strict"), ("check",), ("status",), ("reload",)])
def test_every_other_command_refuses_a_broken_file(path, capsys, command):
    last_good.keep(read_setup(path))
    path.write_text("prefix = \n")

    assert cli.main([*command, "--config", str(path)]) == 2
    assert "line 1" in capsys.readouterr().err


def test_without_a_good_one_run_refuses_too(path, capsys):
    path.write_text("prefix = \n")

    assert cli.main(["run", "--config", str(path)]) == 2


def test_reload_says_that_nothing_runs(path, capsys):
    assert cli.main(["reload", "--config", str(path)]) == 1
    assert "No Butler runs here" in capsys.readouterr().err
