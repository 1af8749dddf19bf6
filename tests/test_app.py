"""What the composition root does about plugins that break down, and in which order it ends."""

import asyncio
from dataclasses import replace

import pytest

from butler import Context, Plugin, Session, Settings, listener
from butler.app import open_bot, read_setup
from butler.errors import PluginError, UserError
from butler.ops.checks import findings
from butler.records.model import MemoryRecords
from butler.testing import FakeTransport, make_message, open_chat
from butler_process import write_config
from redis_servers import Server


@pytest.mark.parametrize(
    ("error", "expected", "said"),
    [
        (ValueError("no"), PluginError, "plugin 'session' does not start: ValueError: no"),
        (UserError("I say it myself."), UserError, "I say it myself."),
    ],
)
async def test_a_plugin_that_cannot_be_entered_stops_the_start_with_one_sentence(
    tmp_path, mocker, error, expected, said
):
    mocker.patch("butler_session.SessionPlugin.__aenter__", side_effect=error)

    with pytest.raises(expected) as refused:
        async with open_chat(read_setup(write_config(tmp_path))):
            pass

    assert str(refused.value) == said


def test_a_plugin_whose_own_check_fails_is_wrong_and_hides_nothing_else(tmp_path, mocker):
    mocker.patch("butler_session.SessionPlugin.findings", side_effect=ValueError("no"))

    found = [str(each) for each in findings(read_setup(write_config(tmp_path)))]

    assert "WRONG  plugin session its own check failed: ValueError: no" in found
    assert any("neonize" in each for each in found)


class Lingering(Plugin):
    """Starts a job that asks for the session when it is cancelled."""

    def __init__(self):
        super().__init__(Settings())
        self.found: list[Session | None] = []

    @listener
    async def hear(self, ctx: Context) -> None:
        ctx.start(self._ask_at_the_end(ctx), "ask at the end")
        await asyncio.sleep(0)

    async def _ask_at_the_end(self, ctx: Context) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.found.append(await ctx.session())


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "valkey").start()
    yield server
    server.kill()


async def test_a_job_that_is_cancelled_still_reaches_sessions_in_redis(
    butler_toml, tmp_path, server
):
    lingering = Lingering()
    path = tmp_path / "butler.toml"
    path.touch(0o600)
    path.write_text(
        f'redis.url = "{server.url}"\nsessions.store = "redis"\n{butler_toml}', encoding="utf-8"
    )
    setup = read_setup(path)
    setup = replace(setup, plugins={**setup.plugins, "lingering": lingering})

    async with open_bot(setup, FakeTransport(), MemoryRecords()) as bot:
        await bot.handle(make_message("/use api", "team@g.us"))
        await bot.handle(make_message("good morning", "team@g.us"))

    assert [each and each.active_repo for each in lingering.found] == ["api"]
