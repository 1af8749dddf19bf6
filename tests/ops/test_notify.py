"""Notices on other ways than WhatsApp, with real servers on the loopback."""

import asyncio
import hashlib
import hmac
import json
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from butler import cli
from butler.config.loading import Draft
from butler.ops import notices as notices_module
from butler.ops.notices import Notices
from butler.transports.whatsapp import LinkState
from butler.transports.whatsapp.protocol.frames import Health
from butler_process import write_config

LONG_AGO = 1_000.0


class WebServer:
    """Notes what is asked of it, and answers with a status."""

    def __init__(self):
        self.status, self.requests = 200, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append((self.command, self.path, dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - its name

            def log_message(self, *_args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def web():
    server = WebServer()
    yield server
    server.close()


def _answer(line):
    return b"221 bye\r\n" if line.upper() == "QUIT" else b"250 ok\r\n"


class MailServer:
    """Takes a mail, without TLS."""

    def __init__(self):
        self.lines = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"220 here\r\n")
                is_data = False
                while line := self.rfile.readline().strip().decode() or is_data:
                    outer.lines.append(line)
                    if is_data:
                        is_data = line != "."
                        answer = b"" if is_data else b"250 ok\r\n"
                    else:
                        is_data = line == "data" or line == "DATA"
                        answer = b"354 go on\r\n" if is_data else _answer(line)
                    self.wfile.write(answer)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def mail():
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def configured(tmp_path):
    def configured(keys):
        path = write_config(tmp_path, "[machine]\nname = 'desk'\n")
        text = path.read_text().replace("notify.restarts = false\n", "")
        path.write_text(f"{text}[notify]\n{keys}\n")
        path.chmod(0o600)
        (tmp_path / "data").mkdir(exist_ok=True)
        return path

    return configured


class Watched:
    """The notices of a daemon whose link is what a test says."""

    def __init__(self, path):
        self.state, self.is_alive = LinkState("connected", time.time()), True
        config = Draft(path).finish()
        self.notices = Notices(config, lambda: self.state, lambda: self.is_alive)

    async def becomes(self, name, since=LONG_AGO, reason="", **more):
        self.state = LinkState(name, since, reason, **more)
        await self.notices.look()


def told(web):
    return [json.loads(body) for _method, _path, _headers, body in web.requests]


TROUBLES = {
    "away": {"name": "disconnected"},
    "banned": {"name": "waiting", "rule": "banned", "reason": "WhatsApp has banned the account."},
    "refused": {"name": "waiting", "rule": "refused"},
    "link ended": {"name": "ended", "reason": "WhatsApp has logged this device out."},
    "gateway crashes": {"name": "waiting", "since": 2e12, "rule": "died", "failures": 5},
    "deaf": {"name": "connected", "health": Health(is_deaf=True)},
}


@pytest.mark.parametrize("kind", TROUBLES)
async def test_a_trouble_is_told_once_and_once_that_it_is_over(configured, web, kind):
    watched = Watched(configured(f'webhook = "{web.url}/hook"'))

    await watched.becomes(**TROUBLES[kind])
    await watched.becomes(**TROUBLES[kind])
    await watched.becomes("connected")
    await watched.becomes("connected")

    first, second = told(web)
    assert (first["kind"], first["is_over"], first["machine"]) == (kind, False, "desk")
    assert TROUBLES[kind].get("reason", "") in first["text"]
    assert (second["kind"], second["is_over"]) == (kind, True)
    assert second["text"].startswith("Well again since ")


async def test_a_short_absence_is_not_told(configured, web):
    watched = Watched(configured(f'webhook = "{web.url}"'))

    await watched.becomes("disconnected", since=time.time() - 590)
    await watched.becomes("waiting", since=time.time(), rule="unreachable", failures=9)

    assert web.requests == []


async def test_a_full_disk_and_a_worker_that_is_gone_are_told(configured, web, mocker):
    watched = Watched(configured(f'webhook = "{web.url}"'))
    free = mocker.patch.object(notices_module, "room", return_value=1_000_000)
    watched.notices.note_worker("laptop", is_away=True)
    await watched.notices.look()
    free.return_value = 10**12
    watched.notices.note_worker("laptop", is_away=False)
    await watched.notices.look()

    kinds = [(each["kind"], each["is_over"]) for each in told(web)]
    names = ["disk full", "worker laptop gone"]
    assert kinds == [*((each, False) for each in names), *((each, True) for each in names)]


async def test_what_was_told_is_not_told_again_by_the_next_daemon(configured, web):
    path = configured(f'webhook = "{web.url}"')
    await Watched(path).becomes("disconnected")

    second = Watched(path)
    await second.becomes("starting")
    await second.becomes("disconnected")
    await second.becomes("connected")

    assert [each["is_over"] for each in told(web)] == [False, True]


async def test_what_could_not_be_sent_is_tried_again(configured, web, caplog):
    watched = Watched(configured(f'webhook = "{web.url}/secret"\nwebhook_secret = "hush-hush"'))
    web.status = 500
    await watched.becomes("disconnected")
    web.status = 200
    await watched.becomes("disconnected")
    await watched.becomes("disconnected")

    assert len(web.requests) == 2
    assert "by webhook: it answered with HTTP 500" in caplog.text
    assert "hush" not in caplog.text
    assert web.url not in caplog.text


async def test_why_the_link_has_ended_is_told_before_the_daemon_ends(configured, web):
    watched = Watched(configured(f'webhook = "{web.url}"'))

    async with watched.notices.watching():
        watched.state = LinkState("ended", LONG_AGO, "Logged out.")

    assert [each["kind"] for each in told(web)] == ["link ended"]


async def test_a_webhook_is_signed(configured, web):
    watched = Watched(configured(f'webhook = "{web.url}/hook"\nwebhook_secret = "key"'))

    await watched.becomes("disconnected")

    ((method, path, headers, body),) = web.requests
    signature = hmac.new(b"key", body, hashlib.sha256).hexdigest()
    assert (method, path) == ("POST", "/hook")
    assert headers["X-Butler-Signature"] == f"sha256={signature}"


async def test_ntfy_gets_a_text_with_a_title(configured, web):
    watched = Watched(configured(f'ntfy = "{web.url}/topic"\nntfy_token = "tk_1"'))

    await watched.becomes("ended", reason="Logged out – link again.")

    ((_method, path, headers, body),) = web.requests
    assert path == "/topic"
    assert headers["Title"] == "Butler on desk: link ended"
    assert headers["Authorization"] == "Bearer tk_1"
    assert body.decode() == "Logged out – link again."


def test_a_redirect_is_not_followed_with_what_was_for_one_address(configured, web, capsys):
    web.status = 302
    path = configured(f'webhook = "{web.url}"')

    assert cli.main(["notify", "--test", "--config", str(path)]) == 1
    assert capsys.readouterr().out == "webhook  NOT sent: it answered with HTTP 302\n"


def test_a_mail_is_sent(configured, mail, capsys):
    path = configured(f'smtp = "smtp://127.0.0.1:{mail.port}"\nemail_to = ["anna@example.org"]')

    assert cli.main(["notify", "--test", "--config", str(path)]) == 0
    assert "Subject: Butler on desk: test" in mail.lines
    assert "To: anna@example.org" in mail.lines


def test_a_command_gets_the_text(configured, tmp_path, capsys):
    path = configured(f'command = ["tee", "{tmp_path}/said"]')

    assert cli.main(["notify", "--test", "--config", str(path)]) == 0
    assert (tmp_path / "said").read_text().startswith("This is a test")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('command = ["false"]', "command  NOT sent: it ended with status 1"),
        ('command = ["/nowhere"]', "command  NOT sent: it cannot be run"),
        ('webhook = "http://127.0.0.1:1/token"', "webhook  NOT sent: it cannot be reached"),
        ('apprise = "json://127.0.0.1"', "apprise  NOT sent: it needs: pip install"),
        ('smtp = "smtp://127.0.0.1:1"\nemail_to = ["a@b.c"]', "email    NOT sent: the mail was"),
    ],
)
def test_a_way_that_does_not_work_is_said_without_its_address(
    configured, capsys, keys, said, mocker
):
    mocker.patch.dict("sys.modules", {"apprise": None})
    assert cli.main(["notify", "--test", "--config", str(configured(keys))]) == 1

    out = capsys.readouterr().out
    assert out.startswith(said)
    assert "token" not in out


@pytest.mark.parametrize(
    "keys",
    [
        'webhook = "file:///etc/passwd"',
        'ntfy = "ntfy.sh/x"',
        'ping = "https://"',
        'smtp = "smtp://x"',
        'smtp = "http://x"\nemail_to = ["a@b.c"]',
        'email_to = ["a\\nBcc: b@c.d"]',
    ],
)
def test_an_address_that_is_none_is_a_mistake_and_not_shown(configured, capsys, keys):
    assert cli.main(["notify", "--test", "--config", str(configured(keys))]) == 2

    assert "passwd" not in capsys.readouterr().err


def test_without_a_way_the_test_says_where_to_read(configured, capsys):
    assert cli.main(["notify", "--test", "--config", str(configured(""))]) == 2
    assert "docs/operations.md" in capsys.readouterr().err


async def test_the_ping_stops_while_something_is_wrong(configured, web, mocker):
    mocker.patch.object(notices_module, "PING_EVERY_S", 0.0)
    watched = Watched(configured(f'ping = "{web.url}/ping"'))

    await watched.becomes("connected")
    watched.is_alive = False
    await watched.notices.look()
    watched.is_alive = True
    await watched.becomes("ended")

    assert [(method, path) for method, path, *_ in web.requests] == [("GET", "/ping")]


@pytest.mark.parametrize(
    ("waiting", "end"),
    [(0, "."), (1, "; 1 message was waiting."), (2, "; 2 messages were waiting.")],
)
async def test_after_a_restart_the_owner_hears_since_when_and_what_waited(
    configured, mocker, waiting, end
):
    mocker.patch.object(notices_module, "QUIET_S", 0.0)
    path = configured("")
    before = Watched(path)
    async with before.notices.watching():
        pass
    heard = asyncio.Queue()

    await Watched(path).notices.say_back(lambda: waiting, heard.put)

    said = heard.get_nowait()
    assert said.startswith("Back since ")
    assert ", I was away " in said
    assert said.endswith(end)


async def test_what_waited_is_counted_once_no_more_of_it_comes(configured, mocker):
    mocker.patch.object(notices_module, "QUIET_S", 0.0)
    path = configured("")
    await Watched(path).notices.look()
    heard, counts = asyncio.Queue(), iter([0, 1, 3, 3])

    await Watched(path).notices.say_back(lambda: next(counts), heard.put)

    assert heard.get_nowait().endswith("; 3 messages were waiting.")


@pytest.mark.parametrize(("keys", "was_there"), [("restarts = false", True), ("", False)])
async def test_the_first_start_and_who_does_not_want_it_hear_nothing(configured, keys, was_there):
    path = configured(keys)
    if was_there:
        await Watched(path).notices.look()
    heard = asyncio.Queue()

    await Watched(path).notices.say_back(lambda: 2, heard.put)

    assert heard.empty()


# Its own imports, on Python 3.11 and 3.12.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_apprise_sends_on_the_ways_that_it_knows(configured, web):
    pytest.importorskip("apprise", reason="the extra apprise is not installed")
    path = configured(f'apprise = "{web.url.replace("http", "json")}/x"')

    sent = cli.main(["notify", "--test", "--config", str(path)])

    assert sent == 0
    ((_method, _path, _headers, body),) = web.requests
    assert json.loads(body)["message"].startswith("This is a test of butler notify.")
