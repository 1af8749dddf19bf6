"""Chats that WhatsApp does not answer for, and the others, which must not notice."""

import asyncio
import time

import pytest

from butler.chat.message import Reply
from butler.errors import TransportError
from butler.transports.whatsapp.gateway.acknowledgement_limit import ENOUGH_SAMPLES
from crash_series import Butler, link, query, write_config
from crash_series import eventually as eventually_outside
from whatsapp_daemon import daemon, eventually

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]

ASIDE = "SELECT chat_id FROM set_aside"


async def test_a_group_whose_queries_are_never_answered_holds_up_nobody_else(server, tmp_path):
    alice, bob = server.person("Alice"), server.person("Bob")
    dead, living = server.group("Dead", [alice]), server.group("Living", [bob])
    config = write_config(tmp_path, [dead, living], [alice, bob])
    await link(server, config)
    server.faults.silence(dead)

    async with Butler(config, server, "run") as butler:
        await server.wait_online()
        gateway, waits = await butler.gateway(), []
        for number in range(40):
            began, chat = time.monotonic(), (living, bob)[number % 2]
            if number % 10 == 0:
                await server.send_text("/use api", sender=alice, chat=dead)
            asked = await server.send_text("/use api", sender=bob, chat=chat)
            assert (await server.next_reply()).quoted_id == asked.id
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.4)
        await eventually_outside(lambda: query(config, ASIDE) == [(str(dead.jid),)])
        assert not butler.has_new_gateway(gateway)

    print(f"longest {max(waits):.3f} s of {len(waits)} beside a silent group")  # noqa: T201 - shown by -rP
    assert f"WhatsApp does not answer for {dead.jid}: set aside for 15 s" in butler.log


async def test_a_group_is_answered_in_order_once_whatsapp_answers_for_it_again(server, tmp_path):
    alice = server.person("Alice")
    team = server.group("Team", [alice])
    config = write_config(tmp_path, [team], [alice])
    await link(server, config)
    server.faults.silence(team)

    async with Butler(config, server, "run") as butler:
        asked = [(await server.send_text("/use api", sender=alice, chat=team)).id for _ in range(3)]
        await eventually_outside(lambda: "set aside" in butler.log)
        server.faults.silence(team, after=100)
        await eventually_outside(lambda: len(server.replies) == len(asked), 120)
        await eventually_outside(lambda: query(config, ASIDE) == [])

    assert [reply.quoted_id for reply in server.replies] == asked


@pytest.mark.parametrize("is_known", [False, True], ids=["at first", "as usual"])
async def test_three_lost_acknowledgements_cost_the_others_seconds(server, folder, is_known):
    people = [server.person(f"Person {number}") for number in range(4)]
    before = [str(number) for number in range(ENOUGH_SAMPLES)] if is_known else []

    async with daemon(folder, echoes=False) as bot:
        await server.wait_online()
        for text in before:
            await bot.transport.send(f"{people[3].lid}@lid", Reply(text))
        server.faults.lose_acknowledgements(3)
        began = time.monotonic()
        lost = [
            asyncio.create_task(bot.transport.send(f"{each.lid}@lid", Reply("lost")))
            for each in people[:3]
        ]
        await eventually(lambda: len(server.replies) > len(before))
        other = asyncio.create_task(bot.transport.send(f"{people[3].lid}@lid", Reply("hello")))
        outcomes = await asyncio.gather(*lost, return_exceptions=True)
        await other

    print(f"after {time.monotonic() - began:.0f} s the fourth was sent")  # noqa: T201 - shown by -rP
    assert all(isinstance(each, TransportError) for each in outcomes)
    said = [reply.text for reply in server.replies]
    assert said == [*before, "lost", "lost", "lost", "hello"]
