"""The fixture for a conftest: ``from whatsapp_server.fixtures import whatsapp_server``."""

from collections.abc import AsyncIterator

import pytest_asyncio

from whatsapp_server.server import WhatsAppServer


@pytest_asyncio.fixture
async def whatsapp_server() -> AsyncIterator[WhatsAppServer]:
    """A stand-in for WhatsApp's servers, to which no bot is linked yet."""
    async with WhatsAppServer() as server:
        yield server
