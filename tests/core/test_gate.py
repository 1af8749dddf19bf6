from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butler import Message, Person, PluginError, Role
from butler.access.loop_guard import LoopGuard
from butler.access.rate_limits import Buckets
from butler.access.rules import AccessRules, ChatRules, People, Refusal
from butler.core.commands import Command
from butler.core.gate import HEAR, NOT_A_COMMAND, Gate, Ignore, Say
from butler.core.router import Call, Router

OWNER, ANNA, STRANGER = Person(phone="+4930000000"), Person(lid="1@lid"), Person(lid="2@lid")
TEAM = "team@g.us"


async def nothing(ctx):
    """Do nothing."""


def make(name, needs=Role.USER, needs_like=None):
    return Command(name, (), nothing, (), "Do nothing.", needs, "test", needs_like)


ROUTER = Router([make("use"), make("allow", Role.OWNER)])
PUBLIC = Router([make("use"), make("ping", Role.EVERYONE)])
ACCESS = AccessRules(owners=People([OWNER]), users=People([ANNA]))


def gate(router=ROUTER, access=ACCESS, burst=1000):
    people, chats = Buckets(60, burst, lambda: 0.0), Buckets(60, 1000, lambda: 0.0)
    return Gate(access, router, people, chats, LoopGuard(lambda: 0.0))


def message(text, sender=ANNA, **details):
    return Message("1", TEAM, sender, text, 0.0, **details)


def verdict_of(gate, message):
    return gate.judge(message, gate.access.role(message))


@pytest.mark.parametrize(
    ("text", "sender", "verdict"),
    [
        ("/use api", ANNA, Call(ROUTER.commands[0], "api")),
        ("/use api", OWNER, Call(ROUTER.commands[0], "api")),
        ("/allow", OWNER, Call(ROUTER.commands[1], "")),
        ("hello", ANNA, HEAR),
        ("/zzzzz", ANNA, Ignore(Refusal(NOT_A_COMMAND.rule, "/zzzzz is unknown"))),
    ],
)
def test_a_message_is_called_heard_or_ignored(text, sender, verdict):
    assert verdict_of(gate(), message(text, sender)) == verdict


@pytest.mark.parametrize("text", ["/use api", "/us api", "/allow", "hello", "", "/zzzzz"])
def test_a_stranger_is_ignored_whatever_they_write(text):
    verdict = verdict_of(gate(), message(text, STRANGER))

    assert isinstance(verdict, Ignore)
    assert verdict.is_stranger
    assert verdict.refusal.rule == "not allowed"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/allow", "/allow is for owners only."),
        ("/us api", "There is no /us. Did you mean /use?"),
    ],
)
def test_some_messages_get_a_sentence(text, answer):
    verdict = verdict_of(gate(), message(text))

    assert isinstance(verdict, Say)
    assert verdict.text == answer


def test_a_hint_does_not_give_away_what_is_not_allowed():
    assert verdict_of(gate(), message("/alow")) == Ignore(
        Refusal(NOT_A_COMMAND.rule, "/alow is unknown")
    )


def test_a_forwarded_command_is_not_obeyed():
    assert (
        verdict_of(gate(), message("/allow", OWNER, is_forwarded=True)).refusal.rule == "forwarded"
    )


def test_a_reaction_is_no_command():
    assert verdict_of(gate(), message("/use api", is_reaction=True)) == HEAR


def test_a_plugin_can_answer_everyone():
    judged = partial(verdict_of, gate(PUBLIC))

    assert isinstance(judged(message("/ping", STRANGER)), Call)
    assert isinstance(judged(message("/use api", STRANGER)), Ignore)
    assert isinstance(judged(message("hello", STRANGER)), Ignore)


def test_the_configuration_takes_a_command_for_everyone_back():
    raised = AccessRules(rules={TEAM: ChatRules(needs=Role.USER)})

    assert isinstance(verdict_of(gate(PUBLIC, raised), message("/ping", STRANGER)), Ignore)


def test_a_command_for_everyone_is_limited_like_every_other():
    limited = gate(PUBLIC, burst=1)
    verdicts = [verdict_of(limited, message("/ping", STRANGER)) for _ in range(3)]

    assert [type(verdict) for verdict in verdicts] == [Call, Say, Ignore]


def test_misspelt_commands_are_limited_like_every_other():
    limited = gate(burst=1)
    verdicts = [verdict_of(limited, message("/us api")) for _ in range(3)]

    assert [type(verdict) for verdict in verdicts] == [Say, Say, Ignore]
    assert verdicts[1].refusal.rule == verdicts[2].refusal.rule == "rate"


def test_a_command_that_needs_what_another_needs_is_raised_with_it():
    router = Router([make("run"), make("undo", needs_like="run"), make("use")])
    raised = AccessRules(owners=People([OWNER]), users=People([ANNA]), commands={"run": Role.OWNER})

    assert isinstance(verdict_of(gate(router), message("/undo")), Call)
    assert isinstance(verdict_of(gate(router, raised), message("/use")), Call)
    assert verdict_of(gate(router, raised), message("/undo")).text == "/undo is for owners only."
    assert isinstance(verdict_of(gate(router, raised), message("/undo", OWNER)), Call)


def test_a_command_cannot_need_what_an_unknown_one_needs():
    with pytest.raises(PluginError, match=r"/undo needs the role of /run, but there is no such"):
        Router([make("undo", needs_like="run")])


def test_chatter_does_not_use_up_what_commands_may():
    limited = gate(burst=1)
    for _ in range(10):
        verdict_of(limited, message("hello"))

    assert isinstance(verdict_of(limited, message("/use api")), Call)


def test_plain_text_that_is_answered_counts_like_a_command():
    limited = gate(burst=2)
    verdicts = []
    for _ in range(3):
        verdicts.append(verdict_of(limited, message("hello")))
        limited.count(message("hello"), Role.USER)

    assert verdicts[:2] == [HEAR] * 2
    assert verdicts[2].refusal.rule == "rate"
    assert verdict_of(limited, message("/use api")).refusal.rule == "rate"


def test_a_person_has_one_limit_under_both_addresses():
    open_to_all = AccessRules(chats=frozenset({TEAM}))
    limited = gate(access=open_to_all, burst=2)
    both = Person(phone="+4930111111", lid="1@lid")
    for _ in range(2):
        assert isinstance(verdict_of(limited, message("/use api", both)), Call)

    for sender in (Person(phone=both.phone), Person(lid=both.lid)):
        assert verdict_of(limited, message("/use api", sender)).refusal.rule == "rate"


def test_an_owners_plain_text_is_not_counted():
    limited = gate(burst=1)
    for _ in range(3):
        assert verdict_of(limited, message("hello", OWNER)) == HEAR
        limited.count(message("hello", OWNER), Role.OWNER)


@pytest.mark.parametrize(
    ("chat_id", "text", "details", "is_concerned"),
    [
        (TEAM, "/use api", {}, True),
        (TEAM, "hello", {}, False),
        (TEAM, "hello", {"is_to_bot": True}, True),
        (TEAM, "", {}, True),
        (TEAM, "", {"media": "picture"}, False),
        ("1@lid", "", {"media": "picture"}, True),
        ("1@lid", "hello", {}, True),
    ],
)
def test_chatter_of_a_group_is_nothing_to_be_sorry_about(chat_id, text, details, is_concerned):
    missed = Message("1", chat_id, ANNA, text, 0.0, **details)

    assert gate().concerns(missed) is is_concerned


@pytest.mark.parametrize(
    ("chat_id", "text", "is_concerned"),
    [
        ("4930999999@s.whatsapp.net", "hello", False),
        ("4930999999@s.whatsapp.net", "", False),
        ("4930999999@s.whatsapp.net", "/use api", True),
        ("4930000000@s.whatsapp.net", "hello", True),
        ("9@lid", "hello", True),
        (TEAM, "hello", False),
    ],
)
def test_what_the_owner_writes_to_others_is_nothing_to_be_sorry_about(chat_id, text, is_concerned):
    owner = Person(phone=OWNER.phone, lid="9@lid")
    missed = Message("1", chat_id, owner, text, 0.0, is_own=True)

    assert gate().concerns(missed) is is_concerned


addresses = st.from_regex(r"[0-9]{1,20}@lid|\+[0-9]{5,20}", fullmatch=True)
strangers = addresses.map(Person.parse).filter(lambda person: person not in (OWNER, ANNA))


@given(text=st.text(), sender=strangers, chat_id=st.text(min_size=1), name=st.text())
def test_no_message_makes_the_gate_raise_or_answer_a_stranger(text, sender, chat_id, name):
    stranger = Message("1", chat_id, sender, text, 0.0, name=name)

    for router in (ROUTER, PUBLIC):
        verdict = verdict_of(gate(router), stranger)
        assert isinstance(verdict, Ignore) or verdict.command.needs is Role.EVERYONE
