"""What groups are called: learnt from WhatsApp beside the messages, shown to the owner."""

import sqlite3
from contextlib import closing

import pytest

from crash_series import Butler, eventually, link, query, write_config
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = pytest.mark.wire

DAY_S = 24 * 3600


def _name(config, group):
    """Return what the journal calls a group, if anything."""
    return dict(query(config, "SELECT chat_id, name FROM names")).get(str(group.jid))


def _queries(server, group):
    """Return how often a group was asked about."""
    came_in = [each.element for each in server.timeline.stanzas if each.direction == "in"]
    return sum(each.text("xmlns") == "w:g2" and each.jid("to") == group.jid for each in came_in)


async def _say(server, text, **details):
    await server.send_text(text, **details)
    return (await server.next_reply(30)).text


async def _sessions(server, **details):
    """Return the chats and repos that ``/sessions`` lists, by default to the owner alone."""
    said = await _say(server, "/sessions", **({"sender": server.owner} | details))
    return [line.rpartition(",")[0] for line in said.split("\n")]


async def test_the_owner_reads_the_subject_of_a_group_in_sessions_also_after_a_restart(
    whatsapp_server, tmp_path
):
    server = whatsapp_server
    alice = server.person("Alice")
    team = server.group("Backend *team*\n", [alice])
    config = write_config(tmp_path, groups=[team], people=[alice])
    await link(server, config)

    async with Butler(config, server, "run"):
        await _say(server, "/use api", sender=alice, chat=team)
        await _say(server, "/use web", sender=alice)
        await eventually(lambda: _name(config, team))
        direct = "SELECT 1 FROM names WHERE name LIKE '+%'"
        await eventually(lambda: query(config, direct))
        first = await _sessions(server)
        told = await _sessions(server, sender=alice, chat=team)
    asked = _queries(server, team)
    await server.wait_offline()
    async with Butler(config, server, "run"):
        second = await _sessions(server)

    group = "*Backend \N{ASTERISK OPERATOR}team\N{ASTERISK OPERATOR}*"
    assert first == second == [f"• +{alice.phone}: *web*", f"• {group}: *api*"]
    assert told == [f"• {group} (this chat): *api*"]
    assert _queries(server, team) == asked


async def test_the_subject_comes_with_the_query_that_the_first_reply_needs(
    whatsapp_server, tmp_path
):
    server = whatsapp_server
    alice = server.person("Alice")
    team, other = server.group("Backend team", [alice]), server.group("Board", [alice])
    config = write_config(tmp_path, groups=[team, other])
    await link(server, config)
    for group in (team, other):
        server.faults.silence(group, after=1)

    async with Butler(config, server, "run") as butler:
        await _say(server, "/use api", sender=alice, chat=team)
        again = await _say(server, "/use web", sender=alice, chat=team)
        elsewhere = await _say(server, "/use api", sender=alice, chat=other)
        listed = await _sessions(server)
        assert await butler.stop() == 0

    assert again == "This chat now works on *web*, on branch main. It was api before."
    assert elsewhere == "This chat now works on *api*, on branch main."
    assert listed == ["• *Board*: *api*", "• *Backend team*: *web*"]
    assert "Traceback" not in butler.log
    assert _queries(server, team) == 1


async def test_a_new_subject_is_picked_up_after_a_day_and_not_before(whatsapp_server, tmp_path):
    server = whatsapp_server
    alice = server.person("Alice")
    team = server.group("Backend team", [alice])
    config = write_config(tmp_path, groups=[team])
    await link(server, config)

    async with Butler(config, server, "run"):
        await _say(server, "/use api", sender=alice, chat=team)
        await eventually(lambda: _name(config, team))
        asked = _queries(server, team)
        team.subject = "Platform team"
        await _say(server, "/use web", sender=alice, chat=team)
        same_day = await _sessions(server)
        _a_day_passes(config)
        await _say(server, "/use api", sender=alice, chat=team)
        await eventually(lambda: _name(config, team) == "Platform team")
        next_day = await _sessions(server)

    assert same_day == ["• *Backend team*: *web*"]
    assert _queries(server, team) == asked + 1
    assert next_day == ["• *Platform team*: *api*"]


def _a_day_passes(config):
    path = config.parent / "data" / "whatsapp" / "journal.sqlite3"
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as db:
        db.execute("UPDATE names SET asked_at = asked_at - ?", (DAY_S,))
