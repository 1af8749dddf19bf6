"""What a run can reach: everything, nothing, or what is on the list."""

import asyncio
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butler_run.sandbox.proxy import NetworkList, parsed, served

# What an agent's HTTP library does, in the words of /bin/sh and Python's standard library.
GET = """python3 - <<'END'
import urllib.request, urllib.error
try:
    print(urllib.request.urlopen("{url}", timeout=20).read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except OSError as error:
    print("refused:", error)
END
"""
TUNNEL = """python3 - <<'END'
import http.client, os, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["https_proxy"])
connection = http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=20)
connection.set_tunnel("{host}", {port})
try:
    connection.request("GET", "/through")
    print(connection.getresponse().read().decode())
except OSError as error:
    print("refused:", error)
END
"""


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"hello {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def port():
    """The port of a web server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hello) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def shell_on(shell_with, butler_toml, outside):
    """Let a shell work with this for ``network``."""

    def opened(network):
        toml = butler_toml.replace("max_runs_per_hour", f"network = {network}\nmax_runs_per_hour")
        return shell_with(toml, outside / "butler.toml")

    return opened


async def test_on_is_the_whole_network_with_this_machines_own_ports(shell_on, port):
    async with shell_on('"on"') as shell:
        assert "hello /x" in await shell(GET.format(url=f"http://127.0.0.1:{port}/x"))


async def test_off_is_nothing_but_a_loopback_of_its_own(shell_on, port):
    async with shell_on('"off"') as shell:
        said = await shell(GET.format(url=f"http://127.0.0.1:{port}/x"))

    assert "refused:" in said
    assert "hello" not in said


async def test_what_is_on_the_list_is_reached_plainly_and_through_a_tunnel(shell_on, port):
    async with shell_on(f'["localhost:{port}"]') as shell:
        plain = f"unset no_proxy NO_PROXY\n{GET.format(url=f'http://localhost:{port}/plain')}"

        assert "hello /plain" in await shell(plain)
        assert "hello /through" in await shell(TUNNEL.format(host="localhost", port=port))


async def test_a_name_that_is_not_listed_is_refused_in_words_and_named_in_the_chat(shell_on, port):
    async with shell_on('["api.anthropic.com"]') as shell:
        said = await shell(
            GET.format(url="http://evil.example/x")
            + TUNNEL.format(host="evil.example", port=443)
            + TUNNEL.format(host="api.anthropic.com", port=22)
        )

    assert "403 Butler: evil.example is not on this repo's network list." in said
    assert (
        "Refused, because not on this repo's network list: "
        "evil.example (2 times), api.anthropic.com:22."
    ) in said


async def test_past_the_proxy_there_is_no_way(shell_on, port):
    async with shell_on(f'["localhost:{port}"]') as shell:
        said = await shell(
            f"unset http_proxy HTTP_PROXY\n{GET.format(url=f'http://127.0.0.1:{port}/')}"
        )

    assert "refused:" in said


async def test_an_agent_gets_its_input_and_its_end_through_the_bridge(shell_on):
    async with shell_on('["example.org"]') as shell:
        said = await shell("echo one; exit 3")

    assert "one" in said
    assert "sh ended with status 3" in said


@pytest.fixture
async def ask(tmp_path):
    """Send bytes to a proxy and return what comes back until it hangs up."""
    hosts = NetworkList(["listed.example", "*.wild.example", "other.example:8080"])
    async with served(tmp_path / "proxy.sock", hosts):

        async def asked(data):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "proxy.sock")
            writer.write(data)
            writer.write_eof()
            answer = b""
            with suppress(ConnectionResetError):
                answer = await reader.read()
            writer.close()
            return answer.decode()

        yield asked


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /x HTTP/1.1",
        "CONNECT [::1]:80 HTTP/1.1",
        "GET ftp://x/ HTTP/1.1",
        "x",
        "CONNECT a:99999 HTTP/1.1",
    ],
)
async def test_what_is_no_request_for_a_proxy_is_told_so(ask, request_line):
    assert (await ask(f"{request_line}\r\n\r\n".encode())).startswith("HTTP/1.1 400")


async def test_half_a_request_and_one_without_end_are_dropped(ask):
    assert await ask(b"CONNECT listed.example:443") == ""
    assert await ask(b"GET http://x/ HTTP/1.1\r\n" + b"X: y\r\n" * 50_000) == ""


async def test_a_name_that_leads_to_this_machine_is_not_followed(ask, mocker, port):
    loop = asyncio.get_running_loop()
    mocker.patch.object(loop, "getaddrinfo", return_value=[(2, 1, 6, "", ("127.0.0.1", port))])

    said = await ask(b"CONNECT listed.example:443 HTTP/1.1\r\n\r\n")

    assert said.startswith("HTTP/1.1 502")
    assert "its name resolves to this machine" in said


async def test_a_name_that_nobody_knows_is_told_so(ask, mocker):
    loop = asyncio.get_running_loop()
    mocker.patch.object(loop, "getaddrinfo", side_effect=OSError("unknown name"))

    said = await ask(b"CONNECT listed.example:443 HTTP/1.1\r\n\r\n")

    assert "listed.example cannot be reached: unknown name" in said


@pytest.mark.parametrize(
    ("host", "port", "is_admitted"),
    [
        ("listed.example", 443, True),
        ("listed.example", 80, True),
        ("listed.example", 22, False),
        ("notlisted.example", 443, False),
        ("sub.listed.example", 443, False),
        ("a.wild.example", 443, True),
        ("wild.example", 443, False),
        ("awild.example", 443, False),
        ("other.example", 8080, True),
        ("other.example", 443, False),
    ],
)
def test_the_list_says_names_and_ports(host, port, is_admitted):
    hosts = NetworkList(["listed.example", "*.wild.example", "other.example:8080"])

    assert hosts.admits(host, port) is is_admitted
    assert bool(hosts.refused) is not is_admitted


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "::", "169.254.169.254", "fe80::1%eth0", "::ffff:127.0.0.1"],
)
def test_this_machine_is_reached_only_under_its_own_name(address):
    hosts = NetworkList(["listed.example", "localhost", address.partition("%")[0]])

    assert not hosts.admits_address("listed.example", 443, address)
    assert hosts.admits_address("localhost", 443, address)
    assert hosts.admits_address("listed.example", 443, "93.184.216.34")


def test_many_names_are_not_all_kept():
    hosts = NetworkList([])
    for number in range(1000):
        hosts.admits(f"{number}.example", 443)

    assert len(hosts.refused) == 50


def test_a_plain_request_is_handed_on_as_a_server_expects_it():
    head = (
        b"GET http://Listed.example/a?b=c HTTP/1.1\r\nHost: listed.example\r\n"
        b"Proxy-Authorization: secret\r\nConnection: keep-alive\r\n\r\n"
    )

    wanted = parsed(head)

    assert (wanted.host, wanted.port) == ("listed.example", 80)
    assert wanted.onward == (
        b"GET /a?b=c HTTP/1.1\r\nHost: listed.example\r\nConnection: close\r\n\r\n"
    )


@given(st.binary(max_size=300))
def test_no_bytes_make_the_proxy_stumble(data):
    parsed(data)
    parsed(b"CONNECT " + data + b" HTTP/1.1\r\n\r\n")
    parsed(b"GET http://" + data + b" HTTP/1.1\r\n\r\n")
