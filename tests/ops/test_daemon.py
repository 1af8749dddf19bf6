"""The whole way: a phone, WhatsApp, the gateway, the daemon, and back."""

import asyncio
import json
import signal
import socket
import sys
from contextlib import closing
from urllib.request import urlopen

import pytest

from butler.cli import pair
from butler.cli.codes import CodeDisplay
from butler.config.loading import Draft
from butler.errors import DataError
from butler.testing import make_working_copy
from butler_process import PATIENCE_S, run_butler
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = pytest.mark.wire


@pytest.fixture
def config(tmp_path):
    for name in ("api", "web"):
        make_working_copy(tmp_path / name)
    path = tmp_path / "config.toml"
    path.write_text(
        'notify.restarts = false\ndata_dir = "data"\n'
        'repos.api.path = "api"\nrepos.web.path = "web"\n'
    )
    return path


@pytest.fixture
async def linked(config, whatsapp_server, monkeypatch, mocker):
    """A configuration whose account was linked by scanning the code that ``butler pair`` shows."""
    for name, value in whatsapp_server.environment().items():
        monkeypatch.setenv(name, value)
    codes = asyncio.Queue()
    shown = CodeDisplay.show_qr

    def show_qr(display, text, life_s):
        shown(display, text, life_s)
        codes.put_nowait(text)

    mocker.patch.object(CodeDisplay, "show_qr", show_qr)
    settings = Draft(config).finish()
    linking = asyncio.create_task(pair.link(settings, phone=None, png=config.parent / "qr.png"))
    await whatsapp_server.scan(await codes.get())
    await linking
    return config


class Daemon:
    """``butler run`` as a process of its own."""

    def __init__(self, config, server, **environment):
        self._config = config
        self._environment = {**server.environment(), **environment}

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "butler", "run", "--config", str(self._config)),
            env=self._environment,
            stderr=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(self, *error):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        _, self.log = await self.process.communicate()
        self.status = self.process.returncode


async def ask(server, text, sender, chat=None):
    """Write ``text`` and return the answer and where it came."""
    sent = await server.send_text(text, sender=sender, chat=chat)
    reply = await server.next_reply()
    assert reply.quoted_id == sent.id
    return reply


async def test_each_chat_has_its_own_repo_also_after_a_restart(linked, whatsapp_server):
    server = whatsapp_server
    owner, anna = server.owner, server.person("Anna", phone="4930111111", lid="111111")
    team, backend = server.group("Team", [anna]), server.group("Backend", [anna])

    async with Daemon(linked, server) as daemon:
        for group in (team, backend):
            assert (
                "Everyone in this group can now use"
                in (await ask(server, "/allow", owner, group)).text
            )
        assert (await ask(server, "/allow +4930111111", owner)).text.startswith("+4930111111 may")
        for text, chat in (("/use api", team), ("/use web", backend), ("/use api", None)):
            await server.send_text(text, sender=anna, chat=chat)
        replies = [await server.next_reply() for _ in range(3)]

        assert {
            (each.chat.name if each.chat is anna else each.chat.subject, each.text)
            for each in replies
        } == {
            ("Team", "This chat now works on *api*, on branch main."),
            ("Backend", "This chat now works on *web*, on branch main."),
            ("Anna", "This chat now works on *api*, on branch main."),
        }
    assert daemon.status == 0

    async with Daemon(linked, server) as daemon:
        assert (await ask(server, "/repo", anna, team)).text.startswith("*api*")
        reply = await ask(server, "/repo", anna, backend)
        assert reply.text.startswith("*web*")
        assert reply.chat is backend
        sessions = await ask(server, "/sessions", owner)
        assert sessions.text.count("•") == 3
        assert sessions.chat is owner
    assert daemon.status == 0
    assert b"Traceback" not in daemon.log


async def test_strangers_meet_silence(linked, whatsapp_server):
    server = whatsapp_server
    stranger = server.person("Mallory", phone="4930666666", lid="666666")

    async with Daemon(linked, server):
        sent = await server.send_text("/repos", sender=stranger)
        await server.wait_acknowledged(sent)
        announced = await server.next_reply()
        assert announced.chat is server.owner
        assert "wrote to me and is not admitted" in announced.text
        why = await ask(server, "/why", server.owner)
        assert why.chat is server.owner


async def test_an_account_is_linked_once_and_kept_private(linked, whatsapp_server):
    folder = linked.parent / "data"

    with pytest.raises(DataError, match=r"is already linked\. To change that: butler unlink"):
        await pair.link(Draft(linked).finish(), phone=None, png=None)

    assert whatsapp_server.linked_device_name == "Butler"
    assert folder.stat().st_mode & 0o777 == 0o700
    private = [path for path in folder.rglob("*") if path.is_file()]
    assert private
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    assert (linked.parent / "qr.png").read_bytes().startswith(b"\x89PNG")


async def test_an_account_that_is_unlinked_can_be_linked_again(linked, whatsapp_server):
    first = await asyncio.to_thread(run_butler, "unlink", "--config", linked)
    second = await asyncio.to_thread(run_butler, "unlink", "--config", linked)

    account = f"+{whatsapp_server.owner.phone}"
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == f"{account} is no longer linked. To link an account: butler pair\n"
    assert whatsapp_server.linked_device_name is None
    assert [*(linked.parent / "data" / "whatsapp").iterdir()] == []
    assert (second.returncode, second.stderr) == (2, "No WhatsApp account is linked.\n")


async def test_unlinking_without_a_network_says_what_is_left_to_do(linked, whatsapp_server):
    whatsapp_server.faults.shut()

    ended = await asyncio.to_thread(run_butler, "unlink", "--config", linked)

    assert ended.returncode == 0
    assert ended.stdout.endswith(
        "WhatsApp could not be reached: Service Unavailable. "
        "So remove Butler on the phone, too: Settings, Linked devices.\n"
    )


async def test_a_second_daemon_is_refused(linked, whatsapp_server):
    async with Daemon(linked, whatsapp_server) as first:
        await whatsapp_server.wait_online()
        async with Daemon(linked, whatsapp_server) as second:
            await second.process.wait()

    assert first.status == 0
    assert second.status == 1
    assert b"Another Butler (process " in second.log


async def test_without_a_linked_account_run_says_how_to_link_one(config, whatsapp_server):
    async with Daemon(config, whatsapp_server) as daemon:
        await daemon.process.wait()

    assert daemon.status == 2
    assert daemon.log == b"No WhatsApp account is linked yet. Link one with: butler pair\n"


async def test_a_service_manager_hears_of_the_link_and_that_butler_lives(linked, whatsapp_server):
    address = str(linked.parent / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.setblocking(False)
        watched = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "4000000"}
        heard = []
        async with Daemon(linked, whatsapp_server, **watched), asyncio.timeout(PATIENCE_S):
            while heard.count("WATCHDOG") < 2 or "READY" not in heard:
                said = await asyncio.get_running_loop().sock_recv(manager, 4096)
                heard.append(said.decode().partition("=")[0])

    assert {*heard} <= {"READY", "STATUS", "WATCHDOG"}
    assert heard.count("READY") == 1


async def test_a_changed_configuration_is_read_again_and_a_broken_one_is_told(
    linked, whatsapp_server
):
    good = linked.read_text()
    async with Daemon(linked, whatsapp_server):
        await ask(whatsapp_server, "/repos", whatsapp_server.owner)
        unchanged = await asyncio.to_thread(run_butler, "reload", "--config", linked)
        linked.write_text(f"{good}prefixx = 1\n")
        told = await whatsapp_server.next_reply()
    async with Daemon(linked, whatsapp_server):
        told_at_start = await whatsapp_server.next_reply()
    linked.write_text(good.replace("notify.restarts = false\n", ""))
    for _ in range(2):
        await whatsapp_server.send_text("/repos", sender=whatsapp_server.owner)
    async with Daemon(linked, whatsapp_server):
        *_answers, back = [await whatsapp_server.next_reply() for _ in range(3)]

    assert (unchanged.returncode, unchanged.stdout) == (0, "Nothing has changed.\n")
    assert told.chat is whatsapp_server.owner
    assert "the old one stays in force" in told.text
    assert "prefixx" in told.text
    assert "NOT in force" in told_at_start.text
    assert back.text.startswith("Back since ")
    assert back.text.endswith("; 2 messages were waiting.")


async def test_prometheus_reads_what_a_daemon_does(linked, whatsapp_server):
    server, port = whatsapp_server, free_port()
    linked.write_text(f'{linked.read_text()}\n[metrics]\nlisten = "127.0.0.1:{port}"\n')

    async with Daemon(linked, server):
        await ask(server, "/use api", server.owner)
        await ask(server, "/use nothing", server.owner)
        text = await asyncio.to_thread(metrics_at, port)

    lines = set(text.splitlines())
    assert lines >= {
        'butler_messages_total{fate="done",rule=""} 1.0',
        'butler_link_state{state="connected"} 1.0',
        "butler_gateway_restarts_total 0.0",
        "butler_run_waiting 0.0",
        "butler_records_waiting 0.0",
        "butler_round_trip_seconds_count 2.0",
    }
    assert "butler_journal_backlog " in text
    assert server.owner.phone not in text
    assert "@" not in text


def metrics_at(port):
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
        return response.read().decode()


def free_port():
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


async def test_one_id_follows_a_message_through_gateway_daemon_and_agent(linked, whatsapp_server):
    server = whatsapp_server
    linked.write_text(
        f"""{linked.read_text()}
        log.format = "json"
        log.level = "debug"
        [plugins.run]
        sandbox = "off"
        agent = "echo"
        [plugins.run.agents.echo]
        kind = "command"
        command = ["sh", "-c", "echo I am at $BUTLER_TRACE"]
        """
    )

    async with Daemon(linked, server) as daemon:
        await ask(server, "/use api", server.owner)
        await server.send_text("/run say where you are", sender=server.owner)
        while "I am at" not in (answer := (await server.next_reply()).text):
            pass

    # In a log of objects, the gateway's lines are objects, too.
    trace = answer.split("I am at ")[1][:8]
    events = [json.loads(line) for line in daemon.log.decode().splitlines()]
    followed = [each for each in events if each.get("message") == trace]
    loggers = {each["logger"] for each in followed}
    assert loggers >= {
        "butler.transports.whatsapp.gateway.receiving",
        "butler.transports.whatsapp.gateway.sending",
        "butler.core.dispatcher",
        "butler_run.agents.process.process",
    }
    assert len({each["chat"] for each in followed}) == 1
    assert not [each for each in events if "say where" in json.dumps(each)]
