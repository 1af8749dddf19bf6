"""Files from the media host, asked for as the gateway does it."""

import asyncio
import hashlib
import itertools
from dataclasses import replace
from functools import partial

import httpx
import pytest

from butler.errors import UserError
from butler.transports.whatsapp.gateway import downloads
from butler.transports.whatsapp.gateway.downloads import (
    DAMAGED,
    GONE,
    NOT_IN_TIME,
    Decryption,
    Download,
    download,
)
from whatsapp_server.media import encrypted

KEY = bytes(range(32))
PLAIN = b"hello butler\n"
BIG = b"0123456789abcdef" * 20_000


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(downloads, "WAIT_S", 0.0)


@pytest.fixture
def fetch(tmp_path):
    """Fetch a stored file into a folder."""

    async def fetched(file, kind="image", max_bytes=1_000_000):
        wanted = Download(kind, file.direct_path, file.media_key, file.sha256, file.enc_sha256)
        return await asyncio.to_thread(download, wanted, tmp_path / "media", max_bytes)

    return fetched


@pytest.mark.parametrize(
    ("mms_type", "file"),
    [
        ("document", "d1e28a199260407f3ad79cc3f6e3c1dfab5f16e9a4fb059765c7"),
        ("image", "2a1a6de2a3b048e93f308d8833305f3fc0d973ace66c41d6e9d1"),
        ("video", "7edf5f30208e001ce823e062544d91d8305a58a2cad6353030d7"),
        ("audio", "e24a210d138af59c6e78c59d0f4d2609c1d56944d2770f5f35fe"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 26])
def test_a_file_is_decrypted_as_public_clients_do_it_in_pieces_of_any_size(mms_type, file, size):
    stored = bytes.fromhex(file)
    wanted = Download(mms_type, "/v/x", KEY, sha256(PLAIN), sha256(stored))

    decryption = Decryption(wanted)
    pieces = [stored[at : at + size] for at in range(0, len(stored), size)]
    found = b"".join(map(decryption.update, pieces)) + decryption.end()

    assert found == PLAIN


def sha256(data):
    return hashlib.sha256(data).digest()


@pytest.mark.parametrize("kind", ["image", "video", "audio", "document"])
@pytest.mark.parametrize("data", [BIG, b"", b"x" * 16])
async def test_a_file_is_kept_under_its_digest_for_its_owner_only(server, fetch, kind, data):
    path = await fetch(server.media.store(data, kind), kind)

    assert path.read_bytes() == data
    assert path.name == hashlib.sha256(data).hexdigest()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_a_file_that_is_there_is_not_fetched_again(server, fetch):
    file = server.media.store(BIG, "image")

    assert await fetch(file) == await fetch(file)
    assert len(server.media.requests) == 1


async def test_only_the_media_host_is_asked_and_with_nothing_that_tells_the_account(server, fetch):
    await fetch(server.media.store(BIG, "image"))

    (request,) = server.media.requests
    assert request.host == "mmg.whatsapp.net"
    assert not {"cookie", "authorization"} & request.headers.keys()
    assert "mms-type=image" in request.target


@pytest.mark.parametrize("path", ["", "mmg.example.org/x", "https://example.org/x", "@example.org"])
async def test_a_path_that_leads_to_another_host_is_not_asked_for(server, fetch, path):
    with pytest.raises(UserError, match="no longer has this file"):
        await fetch(replace(server.media.store(BIG, "image"), direct_path=path))

    assert server.media.requests == []


async def test_a_path_cannot_change_the_host(server, fetch):
    file = replace(server.media.store(BIG, "image"), direct_path="//example.org/v/x")

    with pytest.raises(UserError):
        await fetch(file)

    assert {each.host for each in server.media.requests} == {"mmg.whatsapp.net"}


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_expired_file_is_said_at_once(server, fetch, status):
    server.media.download_statuses = [status]

    with pytest.raises(UserError) as error:
        await fetch(server.media.store(BIG, "image"))

    assert str(error.value) == GONE
    assert len(server.media.requests) == 1


@pytest.mark.parametrize("status", [301, 429, 500, 503])
async def test_other_answers_are_tried_again(server, fetch, status):
    server.media.download_statuses = [status, status]

    path = await fetch(server.media.store(BIG, "image"))

    assert path.read_bytes() == BIG
    assert len(server.media.requests) == 3


async def test_a_host_that_never_answers_well_is_given_up(server, fetch):
    server.media.download_statuses = [503] * 3

    with pytest.raises(UserError) as error:
        await fetch(server.media.store(BIG, "image"))

    assert str(error.value) == NOT_IN_TIME


async def test_a_host_that_falls_silent_in_the_middle_is_given_up(
    server, fetch, monkeypatch, tmp_path
):
    monkeypatch.setattr(downloads, "SILENCE_S", 0.3)
    server.media.is_stalling = True

    with pytest.raises(UserError) as error:
        await fetch(server.media.store(BIG, "image"))

    assert str(error.value) == NOT_IN_TIME
    assert [*(tmp_path / "media").iterdir()] == []


async def test_a_download_has_a_limit_of_time_however_it_flows(server, fetch, monkeypatch):
    monkeypatch.setattr(downloads, "LIMIT_S", -1.0)

    with pytest.raises(UserError) as error:
        await fetch(server.media.store(BIG, "image"))

    assert str(error.value) == NOT_IN_TIME


async def test_a_file_that_comes_byte_by_byte_is_given_up_after_the_limit_of_time(
    server, fetch, mocker
):
    clock = itertools.count(step=downloads.LIMIT_S / 10)
    mocker.patch.object(downloads, "time").monotonic.side_effect = clock
    sent = []

    def drip():
        for number in range(1_000):
            sent.append(number)
            yield b"x"

    answer = httpx.MockTransport(lambda _request: httpx.Response(200, content=drip()))
    mocker.patch("httpx.Client", partial(httpx.Client, transport=answer))

    with pytest.raises(UserError) as error:
        await fetch(server.media.store(BIG, "image"))

    assert str(error.value) == NOT_IN_TIME
    assert len(sent) < 20


@pytest.mark.parametrize("path", ["/v/\x01x", "/v/" + "x" * 70_000])
async def test_a_path_that_is_no_address_has_no_file(server, fetch, path):
    with pytest.raises(UserError) as error:
        await fetch(replace(server.media.store(BIG, "image"), direct_path=path))

    assert str(error.value) == GONE
    assert server.media.requests == []


def flipped(stored, at):
    return stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]


@pytest.mark.parametrize("at", [0, 1_000, -1, -11])
async def test_a_corrupted_file_is_not_kept(server, fetch, tmp_path, at):
    file = server.media.store(BIG, "image")
    stored = server.media.stored(file)
    altered = server.media.replace(file, flipped(stored, at % len(stored)))

    with pytest.raises(UserError) as error:
        await fetch(altered)

    assert str(error.value) == DAMAGED
    assert [*(tmp_path / "media").iterdir()] == []


@pytest.mark.parametrize(
    "lie",
    [
        {"sha256": bytes(32)},
        {"media_key": bytes(32)},
        {"sha256": b""},
        {"sha256": b"../../x"},
    ],
)
async def test_a_message_that_describes_another_file_gets_none(server, fetch, tmp_path, lie):
    with pytest.raises(UserError) as error:
        await fetch(replace(server.media.store(BIG, "image"), **lie))

    assert str(error.value) == DAMAGED
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


@pytest.mark.parametrize("stored", [b"", b"short", b"x" * 26, b"x" * 1_000])
async def test_what_is_no_encrypted_file_is_refused(server, fetch, stored):
    file = server.media.replace(server.media.store(BIG, "image"), stored)

    with pytest.raises(UserError) as error:
        await fetch(file)

    assert str(error.value) == DAMAGED


async def test_a_file_that_is_larger_than_the_most_is_not_read_to_its_end(server, fetch, tmp_path):
    with pytest.raises(UserError, match="larger than 1 MB"):
        await fetch(server.media.store(bytes(1_000_001), "image"))

    assert [*(tmp_path / "media").iterdir()] == []


async def test_the_largest_file_fits(server, fetch):
    path = await fetch(server.media.store(bytes(1_000_000), "image"))

    assert path.stat().st_size == 1_000_000


async def test_a_full_disk_is_said(server, fetch, mocker):
    mocker.patch("butler.transports.whatsapp.gateway.downloads.os.fdopen", side_effect=full)

    with pytest.raises(UserError, match="The file cannot be kept: my disk is full"):
        await fetch(server.media.store(BIG, "image"))


def full(*_arguments):
    raise OSError(28, "No space left on device")


def test_the_stand_in_encrypts_as_public_clients_do():
    assert encrypted(PLAIN, KEY, "image").hex().startswith("2a1a6de2a3b048e9")
