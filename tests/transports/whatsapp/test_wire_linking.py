"""Linking an account to the stand-in server."""

import asyncio

import pytest

from butler.errors import TransportError
from butler.transports.whatsapp import linked_account, pair, unlink

pytestmark = pytest.mark.wire


async def test_an_account_is_linked_by_a_code_typed_on_the_phone(server, tmp_path):
    typing = []

    def enter(code, life_s):
        assert life_s == 160
        typing.append(asyncio.create_task(server.enter_code(code)))

    account = await pair(
        tmp_path, "My bot", phone="+1 (555) 010-0000", on_qr=pytest.fail, on_code=enter
    )
    await typing[0]

    assert str(account) == linked_account(tmp_path) == f"+{server.owner.phone}"
    assert account.lid == f"{server.owner.lid}@lid"
    assert server.linked_device_name == "My bot"


async def test_a_passkey_request_is_explained_and_ends_linking(server, tmp_path):
    with pytest.raises(TransportError, match="asks this account for a passkey"):
        await pair(
            tmp_path, "Butler", on_qr=lambda *_qr: server.request_passkey(), on_code=pytest.fail
        )

    assert linked_account(tmp_path) is None


async def test_linking_without_a_network_ends_with_a_sentence(server, tmp_path):
    server.faults.shut()

    with pytest.raises(
        TransportError, match=r"^WhatsApp could not be reached: Service Unavailable\.$"
    ):
        await pair(tmp_path, "Butler", on_qr=pytest.fail, on_code=pytest.fail)


async def test_linking_twice_is_no_harm(server, folder):
    account = await pair(folder, "Butler", on_qr=pytest.fail, on_code=pytest.fail)

    assert account.phone == f"+{server.owner.phone}"


async def test_what_is_no_phone_number_is_refused(tmp_path):
    with pytest.raises(TransportError, match="'0151 23' is not a phone number"):
        await pair(tmp_path, "Butler", phone="0151 23", on_qr=pytest.fail, on_code=pytest.fail)


async def test_unlinking_removes_the_device_on_the_phone_and_the_folder(server, folder):
    problem = await unlink(folder, "Butler")

    assert problem is None
    assert not folder.exists()
    assert server.linked_device_name is None
    assert server.timeline.names().count("client-logout") == 1


async def test_unlinking_without_a_network_says_why_and_removes_the_folder(server, folder):
    server.faults.shut()

    problem = await unlink(folder, "Butler")

    assert problem == "WhatsApp could not be reached: Service Unavailable."
    assert not folder.exists()
    assert server.linked_device_name == "Butler"
