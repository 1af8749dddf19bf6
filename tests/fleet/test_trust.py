"""Whoever can merely write to Redis starts nothing."""

import asyncio
import re

import pytest

from butler.access.rules import Role
from butler.fleet.frames import Turn
from butler.fleet.redis_broker import RedisBroker
from butler.fleet.wire import Address, WireError, open_to_worker, seal
from butler.ops.workers import acl_rule
from butler.storage.redis import open_async
from butler.storage.redis_url import RedisPlace, parse
from butler.testing import make_message

OTHER_KEY = b"k" * 32


def stream(fleet, name):
    return f"{{butler:{fleet.redis_name}}}:{name}"


class Spy:
    """Keeps what the hub sends to a worker; can put it into Redis once more."""

    def __init__(self, fleet, mocker):
        self.fleet = fleet
        self.envelopes = []
        push = RedisBroker.push_to_worker

        async def kept(broker, worker, urgent, other):
            self.envelopes += [each for each in (urgent, other) if each is not None]
            return await push(broker, worker, urgent, other)

        mocker.patch.object(RedisBroker, "push_to_worker", kept)

    def put(self, envelope, name="to:laptop"):
        """Write an envelope to a stream, as somebody who has Redis but no key."""
        self.fleet.server.say("XADD", stream(self.fleet, name), "*", "e", envelope)

    def turn(self, text):
        """Return the envelope in which a turn went."""
        return next(each for each in self.envelopes if text.encode() in each)


@pytest.fixture
def spy(two, mocker):
    return Spy(two, mocker)


def begun(fleet, name="laptop"):
    return [each.command for each in fleet.workers[name].records.audit]


def turn(text="/use web", command="use", argument="web"):
    message = make_message(text)
    return Turn("ab" * 16, message, Role.OWNER, command, argument, ("use", "run"), 600.0)


def address_for(fleet, *, receiver="to:laptop", serial=10**6):
    hub, laptop = fleet.hub, fleet.workers["laptop"].transport
    epoch = laptop._membership.epoch
    return Address("server", receiver, hub._life, epoch, laptop._life, serial)


async def nothing_came_of_it(fleet, before):
    """Check that the worker began nothing, and still takes what its hub sends."""
    await fleet.chat("/repo")
    assert begun(fleet) == [*before, "repo"]


async def test_a_forged_turn_starts_nothing(two, spy):
    await two.chat("/use web")
    before = begun(two)

    spy.put(seal(OTHER_KEY, address_for(two), [turn()]))

    await nothing_came_of_it(two, before)


async def test_a_turn_of_a_real_key_is_begun_so_the_others_are_refused_for_their_reasons(two, spy):
    await two.chat("/use web")
    before = begun(two)
    key = b"key of laptop".ljust(32, b".")

    spy.put(seal(key, address_for(two), [turn()]))

    async with asyncio.timeout(20):
        while begun(two) == before:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.02)
    assert begun(two) == [*before, "use"]


async def test_a_replayed_turn_starts_nothing(two, spy):
    await two.chat("/use web")
    before = begun(two)

    for _ in range(3):
        spy.put(spy.turn("/use web"))

    await nothing_came_of_it(two, before)


async def test_a_turn_replayed_to_a_new_process_starts_nothing(two, spy):
    await two.chat("/use web")
    await two.workers["laptop"].stop()
    await two.start_worker("laptop", "web", "api")

    spy.put(spy.turn("/use web"))

    await nothing_came_of_it(two, [])


async def test_a_turn_moved_to_the_overtaking_stream_starts_nothing(two, spy):
    await two.chat("/use web")
    before = begun(two)

    spy.put(spy.turn("/use web"), "ctl:laptop")

    await nothing_came_of_it(two, before)


async def test_an_altered_turn_starts_nothing(two, spy):
    await two.chat("/use web")
    before = begun(two)

    spy.put(spy.turn("/use web").replace(b"/use web", b"/use api"))

    await nothing_came_of_it(two, before)


async def test_a_turn_for_another_worker_starts_nothing(two, spy):
    await two.start_worker("desk", "docs")
    await two.chat("/use docs")

    spy.put(spy.turn("/use docs"))

    await two.chat("/use web")
    assert begun(two) == ["use"]


async def test_a_worker_writes_to_no_chat_that_never_asked_it(two):
    await two.chat("/use web")
    laptop = two.workers["laptop"].transport
    from butler.chat.message import Reply
    from butler.errors import TransportError

    with pytest.raises(TransportError, match="never had a message of that chat"):
        await laptop.send("server/other@g.us", Reply("hello"))

    assert [each for each in two.chat.transport.sent if each.chat_id == "other@g.us"] == []


async def test_what_came_back_is_not_sent_twice_by_a_replay(two, mocker):
    envelopes = []
    push = RedisBroker.push_to_hub

    async def kept(broker, hub, worker, epoch, envelope):
        envelopes.append(envelope)
        return await push(broker, hub, worker, epoch, envelope)

    mocker.patch.object(RedisBroker, "push_to_hub", kept)
    await two.chat("/use web")
    before = len(two.chat.transport.sent)

    for each in envelopes:
        two.server.say("XADD", stream(two, "from:server"), "*", "e", each)
    await two.chat("/use infra")

    assert len(two.chat.transport.sent) == before + 1


@pytest.mark.parametrize("place", [0, 5, 31, 40, -1])
def test_each_byte_of_an_envelope_is_signed(place):
    data = bytearray(seal(OTHER_KEY, Address("server", "to:laptop", 1, 2, 3, 4), [turn()]))
    data[place] ^= 1

    with pytest.raises(WireError, match="signature"):
        open_to_worker(OTHER_KEY, bytes(data))


async def test_the_printed_rule_for_redis_is_enough_for_a_worker_and_for_nothing_else(
    fleet, tmp_path
):
    rule = acl_rule(fleet.redis_name, "laptop").replace("PASSWORD", "secret")
    user = re.match(r"ACL SETUSER (\S+)", rule)[1]
    fleet.server.say(*rule.split())
    await fleet.start_hub("infra")
    plain = fleet.server.url
    fleet.config("laptop", ["web"])
    mine = plain.replace("redis://", f"redis://{user}:secret@")
    config = fleet.config
    fleet.config = lambda *args: _with_url(config(*args), plain, mine)

    await fleet.start_worker("laptop", "web")

    assert await fleet.chat("/use web") == [
        "This chat now works on *web* on laptop, on branch main."
    ]
    other = open_async(RedisPlace(parse(mine)))
    for command in (
        ("GET", stream(fleet, "alive:desk")),
        ("XADD", stream(fleet, "to:desk"), "*", "e", "x"),
        ("FLUSHALL",),
        ("KEYS", "*"),
    ):
        with pytest.raises(Exception, match=r"(?i)permission|can't"):
            await other.execute_command(*command)
    await other.aclose()


def _with_url(path, before, after):
    path.write_text(path.read_text().replace(before, after))
    return path


async def test_an_older_worker_is_refused_with_one_sentence(two, mocker):
    await two.chat("/use web")
    mocker.patch("butler.fleet.wire.VERSION", 2)

    member = two.hub._directory.get("laptop")
    mocker.patch.object(member, "_card_data", b"")
    seen = await two.hub._broker.look("server", ["laptop"])
    member.take_card(seen[0].card)

    assert await two.chat("/repo") == [
        "laptop runs another version of Butler (it speaks version 1 of the protocol). "
        "Update the older one of the two."
    ]
