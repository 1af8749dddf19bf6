"""A machine whose clock disagrees with WhatsApp's, which dates the messages."""

import time

import pytest

from whatsapp_daemon import daemon, eventually

pytestmark = pytest.mark.wire

DAY_S = 86_400


@pytest.mark.parametrize("ahead_s", [DAY_S, -DAY_S])
async def test_the_age_of_messages_is_judged_by_whatsapps_clock(server, folder, ahead_s, caplog):
    alice = server.person("Alice")
    sent_at_s = int(time.time()) - ahead_s

    async with daemon(folder) as bot:
        await server.wait_online()
        for number in range(6):
            await server.send_text(f"/{number}", sender=alice, sent_at_s=sent_at_s)
            await eventually(lambda: len(bot.messages) + len(bot.records.entries) > number)  # noqa: B023 - awaited here
        ahead = bot.transport.state.health.clock_ahead_s

    assert abs(ahead - ahead_s) < 60
    assert ("ahead of" if ahead_s > 0 else "behind") + " WhatsApp's; set it" in caplog.text
    late = [each for each in bot.records.entries if each.rule == "too late"]
    assert len(late) == caplog.text.count("a message was refused as too old")
    assert len(late) == (2 if ahead_s > 0 else 0)
