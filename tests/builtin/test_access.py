import pytest

from butler import Person
from butler.access.rules import Refusal
from butler.app import read_setup
from butler.testing import OWNER, make_working_copy, open_chat

ANNA, BOB = "+4930111111", "222@lid"


@pytest.fixture
def butler_toml(tmp_path):
    make_working_copy(tmp_path / "api")
    make_working_copy(tmp_path / "billing")
    return f"""
        data_dir = "{tmp_path}/data"
        repos.api.path = "{tmp_path}/api"
        repos.billing = {{ path = "{tmp_path}/billing", chats = ["finance@g.us"] }}
        [access]
        owners = ["{OWNER}"]
        users = ["+4930555555"]
        chats = ["open@g.us", "finance@g.us"]
        commands = {{ clear = "owner" }}
        [access.rules."few@g.us"]
        people = ["{ANNA}"]
        [limits]
        person_burst = 4
    """


async def test_an_owner_opens_a_group_from_the_phone(chat):
    bob = chat.person(BOB)
    assert await bob("/repos") == []

    assert await chat("/allow") == [
        "Everyone in this group can now use /run in api on your machine. /allow users only lets "
        "them look (/repos, /repo, /diff). /deny closes it. New here? /help"
    ]
    assert await bob("/repos") != []
    assert await chat("/deny") == ["Only owners and people who are admitted may use me here now."]
    assert await bob("/repos") == []
    assert await chat("/deny") == ["This chat was not open. /deny +49… blocks a person."]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "in your repos on"),
        (["api"], "in api on"),
        (["api", "web"], "in api and web on"),
        (["a", "b", "c"], "in a, b and c on"),
        (["a", "b", "c", "d", "e", "f", "g"], "in a, b, c, d, e and 2 more on"),
    ],
)
async def test_who_opens_a_group_reads_which_repos_that_is_about(tmp_path, names, said):
    for name in names:
        make_working_copy(tmp_path / "src" / name)
    (tmp_path / "src").mkdir(exist_ok=True)
    path = tmp_path / "repos.toml"
    folders = f'data_dir = "{tmp_path}/data"\nrepo_folders = ["{tmp_path}/src"]\n'
    path.write_text(f'{folders}[access]\nowners = ["{OWNER}"]\n')

    async with open_chat(read_setup(path)) as chat:
        (answer,) = await chat("/allow")

    assert said in answer


async def test_an_owner_admits_a_person_by_number(chat):
    anna = chat.person(ANNA).chat("4930111111@s.whatsapp.net")

    assert await chat(f"/allow {ANNA}") == [
        "+4930111111 may use me now, /run on your machine included. /deny +4930111111 undoes that."
    ]
    assert await anna("/repos") != []
    assert await chat(f"/deny {ANNA}") == [
        "+4930111111 can no longer use me. /allow +4930111111 undoes that. "
        "I do not know their LID: where WhatsApp shows only that, they still can. "
        "The configuration still admits them in some chats."
    ]
    assert await anna("/repos") == []


@pytest.mark.parametrize(
    "typed",
    ["+49 30 111111", "+49 (30) 111-111", "\u202a+49\u00a030\u2011111111\u202c", "4930111111"],
)
async def test_a_number_may_be_written_as_phones_show_it(chat, typed):
    assert await chat(f"/allow {typed}") == [
        "+4930111111 may use me now, /run on your machine included. /deny +4930111111 undoes that."
    ]


async def test_an_owner_admits_a_person_by_replying_to_them(chat):
    await chat("/allow", quoted_id="7", quoted_sender=Person(lid=BOB))

    assert await chat.person(BOB)("/repos") != []
    assert await chat.person(ANNA)("/repos") == []


async def test_somebody_denied_is_out_of_open_chats_too(chat):
    bob = chat.person(BOB).chat("open@g.us")
    assert await bob("/repos") != []

    await chat(f"/deny {BOB}")

    assert await bob("/repos") == []


@pytest.mark.parametrize("text", ["/allow", "/deny", "/who", "/why", "/allow +4930111111"])
async def test_only_owners_decide(chat, text):
    member = chat.person(BOB).chat("open@g.us")

    assert await member(text) == [f"{text.split()[0]} is for owners only."]


async def test_a_forwarded_allow_is_not_obeyed(chat):
    assert await chat("/allow", is_forwarded=True) == []
    assert chat.ignored[-1].rule == "forwarded"
    assert await chat.person(BOB)("/repos") == []


async def test_a_stranger_who_writes_directly_is_announced_to_the_owner_once(chat):
    stranger = chat.person(BOB).chat(BOB)

    assert await stranger("hello", name="Bob\n*the boss*") == []
    assert await stranger("hello?") == []

    (sent,) = chat.transport.sent
    assert sent.chat_id == chat.transport.owner_chat_id
    code = sent.reply.text.split("/allow ")[1][:8]
    assert sent.reply.text == (
        f"222@lid (“Bob\ufffd*the boss*”) wrote to me and is not admitted. "
        f"/allow {code} admits them, within an hour; /deny {code} blocks them."
    )
    assert await chat(f"/allow {code.lower()}") == [
        "222@lid may use me now, /run on your machine included. /deny 222@lid undoes that."
    ]
    assert await stranger("/repos") != []
    assert await chat(f"/allow {code}") == [
        "Nobody is waiting with that code. Codes expire after an hour."
    ]


async def test_a_flood_of_strangers_can_be_shut_out_by_their_codes(chat):
    for number in range(3):
        await chat.person(f"90{number}@lid").chat(f"90{number}@lid")("hello")
    anna = chat.person(ANNA).chat("4930111111@s.whatsapp.net")
    assert await anna("hello") == []
    assert len(chat.transport.sent) == 3

    code = chat.transport.sent[0].reply.text.split("/deny ")[1][:8]
    assert await chat(f"/deny {code}") == [
        "900@lid can no longer use me. /allow 900@lid undoes that. "
        "I do not know their number: where WhatsApp shows only that, they still can."
    ]
    await anna("hello?")

    assert chat.transport.sent[-1].reply.text.startswith(f"{ANNA} wrote to me")


async def test_strangers_in_groups_are_not_announced(chat):
    await chat.person(BOB)("/repos")

    assert chat.transport.sent == []


async def test_without_a_chat_with_the_owner_nobody_is_announced(chat):
    chat.transport.owner_chat_id = None
    await chat.person(BOB).chat(BOB)("hello")

    assert chat.transport.sent == []


@pytest.mark.parametrize(
    ("chat_id", "text", "reply"),
    [
        (
            "1@lid",
            "/allow",
            "Write /allow in a group to admit its members, or /allow +49… to admit a person.",
        ),
        ("open@g.us", "/allow", "This chat is already open by the configuration."),
        (
            "open@g.us",
            "/deny",
            "This chat is open by the configuration, so only that can change it.",
        ),
        (
            "few@g.us",
            "/allow",
            "The configuration names the people of this chat, so only that can change it.",
        ),
        (
            "team@g.us",
            "/allow +4930555555",
            "+4930555555 is already admitted by the configuration.",
        ),
        (
            "team@g.us",
            f"/deny {OWNER}",
            f"{OWNER} is admitted by the configuration, so only that can change it.",
        ),
        (
            "team@g.us",
            "/allow 0151 12345678",
            "0151 12345678 lacks the country code. Write it as +49…",
        ),
        (
            "team@g.us",
            "/allow Anna",
            "Anna is not a phone number (+49…), LID (…@lid) or 8-letter code.",
        ),
    ],
)
async def test_what_cannot_be_changed_from_a_chat_is_said(chat, chat_id, text, reply):
    assert await chat.chat(chat_id)(text) == [reply]


async def test_the_named_people_of_a_chat_are_its_only_users(chat):
    assert await chat.person(ANNA).chat("few@g.us")("/repos") != []
    assert await chat.person(BOB).chat("few@g.us")("/repos") == []


async def test_who_lists_what_was_decided_from_chats(chat):
    assert await chat("/who") == ["No /allow or /deny so far. Only the configuration applies."]
    await chat("/allow")
    await chat(f"/allow {ANNA}")
    await chat(f"/deny {BOB}")

    lines = (await chat("/who"))[0].split("\n")

    assert lines[0].startswith(f"• team@g.us: open, by {OWNER}, ")
    assert lines[1].startswith(f"• {ANNA}: allowed, by {OWNER}, ")
    assert lines[2].startswith(f"• {BOB}: denied, by {OWNER}, ")


async def test_who_shows_names_with_ids_and_in_a_group_no_other_chat(chat):
    chat.transport.chat_names["team@g.us"] = "Team"
    await chat("/allow")

    (alone,) = await chat.chat("12@lid")("/who")
    (here,) = await chat("/who")
    (elsewhere,) = await chat.chat("open@g.us")("/who")

    assert alone.startswith(f"• *Team* (team@g.us): open, by {OWNER}, ")
    assert here == alone
    assert elsewhere.startswith(f"• another chat: open, by {OWNER}, ")


async def test_why_explains_what_was_left_without_an_answer(chat):
    assert await chat("/why") == ["No messages were ignored in this chat."]
    await chat.person(BOB)("/use secret")
    await chat("hello")

    newest, oldest = (await chat("/why"))[0].split("\n")

    assert newest.endswith(
        f", {OWNER}: plain text; this chat only takes commands (/chat on changes that)"
    )
    assert oldest.endswith(f", {BOB}: not allowed (neither {BOB} nor team@g.us is admitted)")
    assert await chat.chat("open@g.us")("/why team@g.us") == await chat("/why")


async def test_a_hidden_repo_looks_like_one_that_is_not_there(chat):
    member = chat.person(BOB)
    here, there = member.chat("open@g.us"), member.chat("finance@g.us")

    assert "billing" not in (await here("/repos"))[0]
    assert await here("/use billing") == ["No repo called billing. Known: api."]
    assert await here("/use billin") == ["No repo called billin. Known: api."]
    assert await there("/use billing") == ["This chat now works on *billing*, on branch main."]


async def test_an_active_repo_that_became_hidden_is_as_good_as_gone(chat):
    there = chat.chat("open@g.us")
    await there("/use billing")

    assert await there.person(BOB)("/repo") == [
        "This chat has no active repo. /repos lists them, /use <repo> selects one."
    ]


async def test_a_raised_command_is_left_to_owners(chat):
    member = chat.person(BOB).chat("open@g.us")

    assert await member("/clear") == ["/clear is for owners only."]
    assert "/clear" not in (await member("/help"))[0]
    assert await member("/clea") == []


async def test_who_asks_too_often_is_told_once(chat):
    member = chat.person(BOB).chat("open@g.us")
    answers = [await member("/repos") for _ in range(6)]

    assert [len(answer) for answer in answers] == [1, 1, 1, 1, 1, 0]
    assert answers[4] == ["Too many commands. Try again in 3 s."]
    assert [entry.rule for entry in chat.ignored] == ["rate", "rate"]


async def test_an_owner_is_not_limited(chat):
    assert all([await chat("/repos") for _ in range(100)])


async def test_what_was_done_is_noted_without_texts(chat):
    await chat("/use api")
    await chat("/use nope")

    assert [(each.command, each.repo, each.result) for each in chat.records.audit] == [
        ("use", "api", "done"),
        ("use", "", "refused"),
    ]


async def test_the_audit_says_whom_and_what_was_let_in_or_shut_out(chat):
    bob = Person(lid=BOB)
    for text in ("/allow", f"/allow {ANNA}", "/deny", "/allow nobody"):
        await chat(text)
    await chat("/deny", quoted_id="7", quoted_sender=bob)

    assert [(each.command, each.result, each.detail) for each in chat.records.audit] == [
        ("allow", "done", "team@g.us"),
        ("allow", "done", ANNA),
        ("deny", "done", "team@g.us"),
        ("allow", "refused", ""),
        ("deny", "done", BOB),
    ]


@pytest.mark.parametrize(
    ("words", "decision"), [(f"/allow {ANNA}", "allowed"), (f"/deny {ANNA}", "denied")]
)
async def test_the_audit_says_which_address_came_to_a_decision(chat, words, decision):
    await chat(words)
    await chat("/repos", sender=Person(ANNA, "333@lid"))
    await chat("/repos", sender=Person(ANNA, "333@lid"))

    assert [each.detail for each in chat.records.audit if each.result == "kept"] == [
        f"333@lid is {decision}, too, as the other address of {ANNA}"
    ]


async def test_the_audit_says_which_lid_an_owner_is_held_to(chat):
    await chat("/repos", sender=Person(OWNER.phone, "1@lid"))
    await chat("/repos", sender=Person(OWNER.phone, "1@lid"))
    await chat("/repos", sender=Person(OWNER.phone, "2@lid"))

    assert [each.detail for each in chat.records.audit if each.result == "kept"] == [
        f"1@lid is the owner {OWNER.phone} from now on"
    ]


async def test_why_shows_each_message_on_one_line_whatever_its_values(chat):
    refusal = Refusal("deleted", "message 1)\n• 26 Nov 10:00, +4930111111: not allowed (\u202e")
    chat.records.ignored(chat.message("hello"), refusal)

    (answer,) = await chat("/why")

    assert answer.endswith("(message 1)\ufffd• 26 Nov 10:00, +4930111111: not allowed (\ufffd)")
    assert answer.isprintable()


async def test_grants_outlive_the_bot(butler_toml, tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    async with open_chat(read_setup(path)) as chat:
        await chat("/allow")
    async with open_chat(read_setup(path)) as chat:
        assert await chat.person(BOB)("/repos") != []


async def test_allow_users_only_lets_a_group_look(chat):
    bob = chat.person(BOB)
    assert await chat("/allow users") == [
        "Everyone in this group can now look (/repos, /repo, /diff), and no more. "
        "/allow lets them use everything. /deny closes it."
    ]

    assert await bob("/repos") != []
    assert "/diff" in (await bob("/help"))[0]
    assert "/run <prompt" not in (await bob("/help"))[0]
    for said in ("/run do it", "/use api", "/stop", "/chat on"):
        name = said.split()[0]
        refused = f"Here you can only look (/help lists how), so {name} is not for you."
        assert await chat.person(f"{len(said)}@lid")(said) == [refused]
    assert "open to look, by" in (await chat("/who"))[0]
    assert await chat("/deny") == ["Only owners and people who are admitted may use me here now."]
    assert await bob("/repos") == []


async def test_plain_text_of_who_may_only_look_is_not_heard(chat):
    await chat("/allow users")
    await chat("/use api")
    await chat("/chat on")

    assert await chat.person(BOB)("do it") == []
    assert chat.ignored[-1].rule == "not a command"


async def test_who_is_admitted_or_denied_is_so_where_others_look(chat):
    anna, bob = chat.person(ANNA), chat.person(BOB)
    await chat("/allow users")
    await chat(f"/allow {ANNA}")
    await chat(f"/deny {BOB}")

    assert (await anna("/use api"))[0].startswith("This chat now works on *api*")
    assert await bob("/repos") == []


async def test_allow_names_no_hidden_repo_in_the_group(chat):
    assert "billing" not in (await chat("/allow"))[0]


async def test_a_denial_says_which_address_is_not_known(chat):
    unknown = "I do not know their LID: where WhatsApp shows only that, they still can."
    assert (await chat("/deny +4930777777"))[0].endswith(unknown)

    await chat.person("+4930888888").chat("8@lid")("hello", sender=Person("+4930888888", "888@lid"))
    assert "I do not know" not in (await chat("/deny +4930888888"))[0]


async def test_an_owners_number_with_another_lid_is_not_obeyed_until_confirmed(chat):
    first, second = Person(OWNER.phone, "1@lid"), Person(OWNER.phone, "2@lid")
    assert await chat("/who", sender=first) != []

    assert await chat("/who", sender=second) == []
    told = [each.reply.text for each in chat.transport.sent if each.chat_id == "owner@lid"]
    assert told == [
        f"The number of an owner, {OWNER}, writes with another LID (2@lid) than before (1@lid), "
        "so I do not obey it. If that is you: /allow 2@lid"
    ]
    assert await chat("/allow 2@lid", sender=second) == []
    assert await chat("/allow 2@lid", sender=Person(), is_own=True) == [
        f"2@lid is the owner {OWNER} from now on."
    ]
    assert await chat("/who", sender=second) != []
    assert await chat("/who", sender=first) == []
