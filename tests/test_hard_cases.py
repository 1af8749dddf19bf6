"""What people try, or do without knowing: as they would type it."""

import shutil
import sys

import pytest

from butler import Person
from butler.app import read_setup
from butler.testing import OWNER, make_working_copy, open_chat
from butler_process import line, run_butler, write_config

BOB = "+4930222222"
TEXTS = ["hello", "/repos", "/use api", "/allow", "/why"]


@pytest.fixture
def butler_toml(tmp_path):
    for name in ("api", "elsewhere", "secret"):
        make_working_copy(tmp_path / name)
    make_working_copy(tmp_path / "src" / "web")
    (tmp_path / "src" / "away").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "src" / "again").symlink_to(tmp_path / "src" / "web")
    (tmp_path / "src" / "up").symlink_to(tmp_path)
    return f"""
        data_dir = "{tmp_path}/data"
        repo_folders = ["{tmp_path}/src"]
        repos.api.path = "{tmp_path}/api"
        repos.secret = {{ path = "{tmp_path}/secret", chats = ["few@g.us"] }}
        [access]
        owners = ["{OWNER}"]
        chats = ["team@g.us"]
        [access.rules."few@g.us"]
        people = ["{BOB}"]
        [access.rules."strict@g.us"]
        commands = {{ clear = "owner" }}
    """


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("../../etc", "../../etc"),
        ("/etc", "/etc"),
        ("api/../../secret", "api/../../secret"),
        (".", "."),
        ('"a b"', "a b"),
        ("'../a b'", "../a b"),
        ("%s%n", "%s%n"),
        ("{0.__class__}{}", "{0.__class__}{}"),
        ("$(reboot)", "$(reboot)"),
        ("`reboot`", "reboot"),
        ("api;reboot", "api;reboot"),
        ("'--", "'--"),
        ("--help", "--help"),
        ("🙂", "🙂"),
        ("\u202eipa", "ipa"),
        ("a\0pi", "a\ufffdpi"),
        ('"a\npi"', "a\ufffdpi"),
        ("up", "up"),
        ("away", "away"),
        ("again", "again"),
    ],
)
async def test_a_name_that_is_none_is_said_back_on_one_line_and_changes_nothing(chat, typed, shown):
    await chat("/use api")

    (answer,) = await chat.person(BOB)(f"/use {typed}")

    assert answer.startswith(f"No repo called {shown}.")
    assert answer.isprintable()
    assert (await chat("/repo"))[0].startswith("*api*")


async def test_a_link_in_a_repo_folder_takes_no_name(chat):
    names = (await chat.person(BOB)("/repos"))[0].split("\n\n")[0]

    assert names == "• api\n• web"


@pytest.mark.parametrize("typed", ["secret", "SECRET", '"secret"', "secre"])
async def test_a_hidden_repo_is_answered_like_one_that_is_not_there(chat, typed, tmp_path):
    hidden = await chat.person(BOB)(f"/use {typed}")

    shutil.rmtree(tmp_path / "secret")
    path = tmp_path / "without.toml"
    path.write_text(
        'data_dir = "other"\nrepo_folders = ["src"]\nrepos.api.path = "api"\n'
        '[access]\nchats = ["team@g.us"]\n'
    )
    async with open_chat(read_setup(path)) as without:
        assert hidden == await without.person(BOB)(f"/use {typed}")


@pytest.mark.parametrize("text", TEXTS)
async def test_who_calls_themselves_what_the_owners_number_is_stays_a_stranger(chat, text):
    stranger = chat.person(BOB).chat("closed@g.us")

    assert await stranger(text, name=str(OWNER)) == []
    assert chat.ignored[-1].rule == "not allowed"


@pytest.mark.parametrize("text", TEXTS)
async def test_a_lid_with_the_digits_of_the_owners_number_is_a_stranger(chat, text):
    lid = f"{OWNER.phone.removeprefix('+')}@lid"

    assert await chat.person(lid).chat("closed@g.us")(text) == []
    assert chat.ignored[-1].detail == f"neither {lid} nor closed@g.us is admitted"


async def test_somebody_without_an_address_is_nobody_even_in_an_open_chat(chat):
    assert await chat("/repos", sender=Person()) == []
    assert chat.ignored[-1].detail == "the sender is unknown"


async def test_an_allow_that_is_passed_on_or_quoted_opens_nothing(chat):
    owner, bob = chat.chat("closed@g.us"), chat.person(BOB).chat("closed@g.us")

    assert await owner("/allow", is_forwarded=True) == []
    assert await owner("no", quoted_id="1", quoted_sender=bob.sender) == []
    assert await bob("/allow", quoted_id="2", quoted_sender=OWNER) == []
    assert await bob("/repos") == []


async def test_a_reaction_that_reads_like_a_command_is_none(chat):
    assert await chat("/allow", is_reaction=True, quoted_id="1") == []
    assert chat.ignored[-1].rule == "not a command"


def test_the_same_message_with_another_text_is_not_acted_on(tmp_path):
    config = write_config(tmp_path)
    text = line("good morning", id="1") + line("/use api", id="1")

    assert run_butler("console", "--jsonl", "--config", config, text=text).stdout == ""
    assert "  duplicate: handled before\n" in run_butler("why", "--config", config).stdout


@pytest.mark.parametrize("text", ["/allow", "/deny"])
@pytest.mark.parametrize("sender", [None, Person()])
async def test_a_reply_to_somebody_unknown_never_means_the_whole_group(chat, text, sender):
    owner = chat.chat("closed@g.us")

    assert await owner(text, quoted_id="1", quoted_sender=sender) == [
        "I cannot tell who wrote that. Give their number instead: +49…"
    ]
    assert await chat.person(BOB).chat("closed@g.us")("/repos") == []


async def test_an_owner_cannot_mean_themselves_by_a_reply(chat):
    assert await chat("/deny", quoted_id="1", quoted_sender=OWNER) == [
        "You wrote that yourself. Give the other person's number: +49…"
    ]


async def test_an_ex_member_of_an_open_group_is_a_stranger_everywhere_else(chat):
    bob = chat.person(BOB)
    assert await bob("/repos") != []

    assert await bob.chat(f"{BOB.removeprefix('+')}@s.whatsapp.net")("/repos") == []
    assert await bob.chat("closed@g.us")("/repos") == []


async def test_a_group_with_rules_of_its_own_can_be_opened_and_closed(chat):
    owner, bob = chat.chat("strict@g.us"), chat.person(BOB).chat("strict@g.us")
    await owner("/allow")
    assert await bob("/repos") != []

    assert await owner("/deny") == ["Only owners and people who are admitted may use me here now."]
    assert await bob("/repos") == []


async def test_somebody_denied_by_one_address_is_denied_under_the_other(chat):
    both = Person(phone=BOB, lid="222@lid")
    await chat("/allow", quoted_id="1", quoted_sender=both)

    await chat(f"/deny {BOB}")

    assert await chat("/repos", sender=Person(lid="222@lid")) == []
    assert await chat("/repos", sender=Person(phone=BOB, lid="999@lid")) == []


async def test_a_number_that_changed_hands_is_refused_and_why_says_so(chat):
    closed = chat.chat("closed@g.us")
    await chat(f"/allow {BOB}")
    assert await closed("/repos", sender=Person(phone=BOB, lid="222@lid")) != []

    assert await closed("/repos", sender=Person(phone=BOB, lid="999@lid")) == []
    assert chat.ignored[-1].detail == f"{BOB} was allowed with another number or LID"


async def test_a_denial_says_where_the_configuration_is_stronger(chat):
    assert await chat(f"/deny {BOB}") == [
        f"{BOB} can no longer use me. /allow {BOB} undoes that. "
        "I do not know their LID: where WhatsApp shows only that, they still can. "
        "The configuration still admits them in some chats."
    ]
    assert await chat.person(BOB)("/repos") == []
    assert await chat.person(BOB).chat("few@g.us")("/repos") != []


async def test_a_name_with_marks_is_shown_to_the_owner_as_it_is_and_on_one_line(chat):
    name = "%s{0}\n/allow\u202e';--"
    stranger = chat.person("222@lid").chat("222@lid")

    await stranger("hello", name=name)

    (sent,) = chat.transport.sent
    assert sent.reply.text.startswith(
        "222@lid (“%s{0}\ufffd/allow\ufffd';--”) wrote to me and is not admitted. /allow "
    )


@pytest.mark.parametrize("whom", ["'; DROP TABLE people; --", "%s", "{}", "\u202e+49", "a" * 9])
async def test_whatever_is_no_person_is_refused_on_one_line(chat, whom):
    (answer,) = await chat(f'/allow "{whom}"')

    assert answer.endswith(" is not a phone number (+49…), LID (…@lid) or 8-letter code.")
    assert answer.isprintable()
    assert await chat(f'/why "{whom}"') == ["No messages were ignored in this chat."]


CARELESS = """
from butler import Context, Plugin, command


class CarelessPlugin(Plugin):
    @command()
    async def care(self, ctx: Context) -> str:
        \"\"\"Answer whoever may ask; the author gave roles no thought.\"\"\"
        return "Here you are."
"""


@pytest.fixture
def careless(tmp_path, monkeypatch):
    """Install a plugin."""
    metadata = tmp_path / "site" / "careless-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: careless\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[butler.plugins]\ncareless = careless:CarelessPlugin\n"
    )
    (metadata.parent / "careless.py").write_text(CARELESS)
    monkeypatch.syspath_prepend(metadata.parent)
    yield
    sys.modules.pop("careless", None)


@pytest.mark.usefixtures("careless")
async def test_a_command_that_declares_no_role_is_for_users(butler_toml, tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text(f'{butler_toml}\n[plugins]\nenabled = ["session", "careless"]\n')
    async with open_chat(read_setup(path)) as chat:
        bob = chat.person(BOB)
        assert await bob("/care") == ["Here you are."]
        assert await bob.chat("closed@g.us")("/care") == []
