"""An old copy of the data folder that is put back: nothing is done or answered a second time."""

import shutil
from collections import Counter

import pytest

from butler.transports.whatsapp.daemon.notices import INTERRUPTED
from crash_series import Butler, eventually, link, query, write_config
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

MESSAGES = 30
IS_OPEN = "SELECT count(*) FROM inbox WHERE state IN ('received', 'handed')"
CREDENTIALS = "credentials.sqlite3*"
"""Those of a copy would be of no use, as the keys in them change with every message."""


async def test_what_was_open_in_it_is_asked_about_instead_of_answered_again(
    whatsapp_server, tmp_path
):
    server = whatsapp_server
    people = [server.person(f"Person {number}") for number in range(MESSAGES)]
    config = write_config(tmp_path, people=people)
    await link(server, config)
    data, copy = tmp_path / "data", tmp_path / "copy"

    async with Butler(config, server, "run"):
        await server.wait_online()
        server.faults.hold_acknowledgements()
        sent = [await server.send_text("/use api", sender=each) for each in people]
        await eventually(lambda: query(config, IS_OPEN) == [(MESSAGES,)])
        shutil.copytree(data, copy, ignore=shutil.ignore_patterns(CREDENTIALS, "*.sock"))
        server.faults.release_acknowledgements()
        await eventually(lambda: len(server.replies) == MESSAGES, 60)
    await server.wait_offline()

    shutil.copytree(copy, data, dirs_exist_ok=True)
    async with Butler(config, server, "run") as butler:
        await eventually(lambda: query(config, IS_OPEN) == [(0,)], 120)

    answers = Counter(each.quoted_id for each in server.replies if each.text != INTERRUPTED)
    asked = Counter(each.quoted_id for each in server.replies if each.text == INTERRUPTED)
    assert answers == Counter(each.id for each in sent)
    assert asked == answers
    assert "the data folder is a copy that was put back: 30 open messages" in butler.log
