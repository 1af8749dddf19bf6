import pytest

from butler import Message, Person, Role
from butler.access.rules import AccessRules, Audience, ChatRules, People

ANNA = Person(phone="+4930111111", lid="111@lid")
BOB = Person(phone="+4930222222")
NOBODY = Person()
STRANGE = Person(phone=BOB.phone, lid="strange@lid")
TEAM, OTHER = "team@g.us", "other@g.us"


def message(sender, chat_id=TEAM, **details):
    return Message("1", chat_id, sender, "/use api", 0.0, **details)


class Said:
    """Grants as a table."""

    def __init__(self, chats=(), allowed=(), denied=(), shown=()):
        self._shown = shown
        self._chats, self._allowed, self._denied = chats, People(allowed), People(denied)

    def allows_chat(self, chat_id):
        return chat_id in self._chats

    def allows(self, person):
        return person in self._allowed

    def denies(self, person):
        return person in self._denied

    def allowed_another(self, person):
        return False

    def shows_chat(self, chat_id):
        return chat_id in self._shown

    def knows_owner(self, person):
        return person.lid != "strange@lid"


CLOSED = AccessRules()
OPEN = AccessRules(chats=frozenset({TEAM}))
NAMED = AccessRules(rules={TEAM: ChatRules(people=People([ANNA]))}, chats=frozenset({TEAM}))


@pytest.mark.parametrize(
    ("rules", "sender", "chat_id", "role"),
    [
        (CLOSED, ANNA, TEAM, Role.EVERYONE),
        (CLOSED, NOBODY, TEAM, Role.EVERYONE),
        (AccessRules(owners=People([ANNA])), ANNA, OTHER, Role.OWNER),
        (AccessRules(owners=People([Person(lid="111@lid")])), ANNA, TEAM, Role.OWNER),
        (AccessRules(owners=People([ANNA])), Person(phone="+111"), TEAM, Role.EVERYONE),
        (AccessRules(owners=People([ANNA])), NOBODY, TEAM, Role.EVERYONE),
        (AccessRules(users=People([BOB])), BOB, "direct@lid", Role.USER),
        (OPEN, BOB, TEAM, Role.USER),
        (OPEN, NOBODY, TEAM, Role.EVERYONE),
        (OPEN, BOB, OTHER, Role.EVERYONE),
        (NAMED, ANNA, TEAM, Role.USER),
        (NAMED, BOB, TEAM, Role.EVERYONE),
        (AccessRules(grants=Said(chats=[TEAM])), BOB, TEAM, Role.USER),
        (AccessRules(grants=Said(allowed=[BOB])), BOB, OTHER, Role.USER),
        (AccessRules(chats=frozenset({TEAM}), grants=Said(denied=[BOB])), BOB, TEAM, Role.EVERYONE),
        (AccessRules(users=People([BOB]), grants=Said(denied=[BOB])), BOB, TEAM, Role.USER),
        (AccessRules(owners=People([BOB]), grants=Said(denied=[BOB])), BOB, TEAM, Role.OWNER),
        (AccessRules(owners=People([BOB]), grants=Said()), STRANGE, TEAM, Role.EVERYONE),
        (AccessRules(owners=People([STRANGE]), grants=Said()), STRANGE, TEAM, Role.OWNER),
        (AccessRules(grants=Said(shown=[TEAM])), BOB, TEAM, Role.VIEWER),
        (AccessRules(grants=Said(shown=[TEAM])), BOB, OTHER, Role.EVERYONE),
        (AccessRules(grants=Said(shown=[TEAM], denied=[BOB])), BOB, TEAM, Role.EVERYONE),
        (AccessRules(grants=Said(shown=[TEAM], allowed=[BOB])), BOB, TEAM, Role.USER),
        (
            AccessRules(NAMED.owners, rules=NAMED.rules, grants=Said(shown=[TEAM])),
            BOB,
            TEAM,
            Role.EVERYONE,
        ),
    ],
)
def test_who_is_what(rules, sender, chat_id, role):
    assert rules.role(message(sender, chat_id)) is role


def test_the_linked_account_is_always_an_owner():
    assert CLOSED.role(message(NOBODY, is_own=True)) is Role.OWNER


def test_a_push_name_is_no_identity():
    rules = AccessRules(owners=People([BOB]))

    assert rules.role(message(ANNA, name=BOB.phone)) is Role.EVERYONE


def test_a_lid_with_the_digits_of_an_owners_number_is_somebody_else():
    rules = AccessRules(owners=People([BOB]))

    assert rules.role(message(Person(lid="4930222222@lid"))) is Role.EVERYONE


def test_who_named_their_people_left_the_ex_members_out():
    gone = AccessRules(chats=frozenset({TEAM}))

    assert gone.role(message(ANNA, "111@lid")) is Role.EVERYONE


@pytest.mark.parametrize(
    ("rules", "needed"),
    [
        (AccessRules(), Role.USER),
        (AccessRules(commands={"use": Role.OWNER}), Role.OWNER),
        (AccessRules(commands={"clear": Role.OWNER}), Role.USER),
        (AccessRules(rules={TEAM: ChatRules(needs=Role.OWNER)}), Role.OWNER),
        (AccessRules(rules={TEAM: ChatRules(commands={"use": Role.OWNER})}), Role.OWNER),
        (AccessRules(rules={OTHER: ChatRules(needs=Role.OWNER)}), Role.USER),
    ],
)
def test_the_configuration_can_raise_what_a_command_needs(rules, needed):
    assert rules.needs("use", Role.USER, TEAM) is needed


def test_the_configuration_cannot_lower_what_a_command_needs():
    rules = AccessRules(commands={"allow": Role.USER}, rules={TEAM: ChatRules(needs=Role.USER)})

    assert rules.needs("allow", Role.OWNER, TEAM) is Role.OWNER


@pytest.mark.parametrize(
    ("sender", "chat_id", "role", "is_seen"),
    [
        (ANNA, OTHER, Role.USER, True),
        (BOB, OTHER, Role.USER, False),
        (BOB, TEAM, Role.USER, True),
        (BOB, OTHER, Role.OWNER, True),
    ],
)
def test_a_repo_with_an_audience_is_hidden_from_others(sender, chat_id, role, is_seen):
    rules = AccessRules(audiences={"billing": Audience(People([ANNA]), frozenset({TEAM}))})

    assert rules.may_see("Billing", message(sender, chat_id), role) is is_seen
    assert rules.may_see("api", message(sender, chat_id), role)


@pytest.mark.parametrize(
    ("rules", "sender", "detail"),
    [
        (CLOSED, BOB, "neither +4930222222 nor team@g.us is admitted"),
        (CLOSED, NOBODY, "the sender is unknown"),
        (AccessRules(grants=Said(denied=[BOB])), BOB, "+4930222222 was denied by an owner"),
    ],
)
def test_a_refusal_says_what_decided(rules, sender, detail):
    assert rules.refusal(message(sender)).detail == detail
