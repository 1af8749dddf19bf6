import pytest
from hypothesis import given
from hypothesis import strategies as st

from butler import PluginError, Role
from butler.core.commands import Command
from butler.core.router import Call, ForeignCall, Router, Unknown


async def nothing(ctx):
    """Do nothing."""


def make(name, *aliases, plugin="test"):
    return Command(name, aliases, nothing, (), "Do nothing.", Role.USER, plugin)


COMMANDS = [make("use", "select", "cd"), make("repos", "ls"), make("sessions"), make("clear")]
router = Router(COMMANDS)


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("/use api", "use", "api"),
        ("/use", "use", ""),
        ("/USE api", "use", "api"),
        ("/cd api", "use", "api"),
        ("  /use   api", "use", "api"),
        ("/use\napi", "use", "api"),
        ("/use  \n\tapi web ", "use", "api web "),
        ("/use@butler api", "use", "api"),
        ("/use@butler.core.bot: api", "use", "api"),
        ("/repos.", "repos", ""),
        ("/use, api", "use", "api"),
        ("/repos?!", "repos", ""),
        ("\u200e/use api", "use", "api"),
        ("\ufeff/use api", "use", "api"),
        ("/use\u200b api", "use", "api"),
        ("/\u2060repos", "repos", ""),
        ("\u200d/repos", "repos", ""),
        ("/us\u200be api", "use", "api"),
        ("\uff0fuse api", "use", "api"),
        ("/ use api", "use", "api"),
        ("/use\u2060\u200e\u200b", "use", ""),
        ("/use api\0web", "use", "api\0web"),
        ("/use " + "x" * 65_536, "use", "x" * 65_536),
    ],
)
def test_a_command_is_a_slash_and_a_word(text, name, argument):
    decision = router.route(text)

    assert isinstance(decision, Call)
    assert (decision.command.name, decision.argument) == (name, argument)


@given(st.sampled_from(["use", "cd", "repos"]), st.text(" \t\n\u2003\x1f\x85api", max_size=9))
def test_plain_and_capital_letters_call_the_same(name, behind):
    assert router.route(f"/{name} {behind}") == router.route(f"/{name.upper()} {behind}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "hello",
        "/",
        "//use",
        "/ etc",
        "/ nothing of ours",
        "/etc/passwd is readable",
        "see /use",
        "/use/api",
        "/123",
        "/ünïcode",
        "/" + "u" * 33,
        "/" * 65_536,
        "\0/use",
        "/use@" + "x" * 65,
    ],
)
def test_anything_else_is_left_alone(text):
    assert router.route(text) is None


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("/us api", "use"),
        ("/sesions", "sessions"),
        ("/claer", "clear"),
        ("/selct api", "select"),
        ("/etc is a folder", None),
    ],
)
def test_an_unknown_command_comes_with_the_nearest_one(text, nearest):
    decision = router.route(text)

    assert isinstance(decision, Unknown)
    assert decision.nearest == nearest


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("/compact", ForeignCall("compact", "", is_escaped=False)),
        ("/Compact all\n of it", ForeignCall("Compact", "all\n of it", is_escaped=False)),
        ("/team:deploy prod", ForeignCall("team:deploy", "prod", is_escaped=False)),
        ("//use api", ForeignCall("use", "api", is_escaped=True)),
        ("\u200e/\u2060/com\u200bpact.", ForeignCall("compact", "", is_escaped=True)),
        ("\uff0f\uff0fcompact", ForeignCall("compact", "", is_escaped=True)),
        ("/use api", None),
        ("/USE", None),
        ("\uff0fuse", None),
        ("/etc/passwd is readable", None),
        ("//TODO: mend it", None),
        ("// a comment", None),
        ("///compact", None),
        ("compact", None),
        ("/" + "x" * 200, None),
    ],
)
def test_commands_that_are_not_butlers_own_are_told_apart(text, call):
    assert router.foreign(text) == call


@pytest.mark.parametrize("text", ["!compact", "/compact", "/help"])
def test_their_prefix_is_a_slash_too_where_butlers_own_is_another(text):
    bang = Router([make("help")], "!")

    assert bang.foreign(text) == ForeignCall(text[1:], "", is_escaped=False)
    assert bang.foreign("!!help") == ForeignCall("help", "", is_escaped=True)
    assert bang.foreign("!help") is None


def test_another_prefix_can_be_chosen():
    bang = Router(COMMANDS, "!")

    assert isinstance(bang.route("!use api"), Call)
    assert bang.route("/use api") is None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (
            "/repos lists them, /use <repo> selects one.",
            "!repos lists them, !use <repo> selects one.",
        ),
        ("`/src/use` and /srv/repos", "`/src/use` and /srv/repos"),
        ("/users is no command", "/users is no command"),
        ("/use/lib and /use-case are none", "/use/lib and /use-case are none"),
    ],
)
def test_replies_name_commands_with_the_prefix_in_use(text, written):
    assert Router(COMMANDS, "!").with_prefix(text) == written
    assert router.with_prefix(text) == text


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (make("use", plugin="other"), "plugin 'other': /use is taken by plugin 'test' (/use)."),
        (make("go", "cd", plugin="other"), "plugin 'other': /cd is taken by plugin 'test' (/use)."),
    ],
)
def test_two_commands_of_one_name_are_refused(other, sentence):
    with pytest.raises(PluginError) as refused:
        Router([*COMMANDS, other])

    assert str(refused.value) == sentence


def test_a_command_is_found_with_and_without_the_prefix():
    bang = Router(COMMANDS, "!")

    assert bang.get("use") is bang.get("!use") is bang.get("/USE") is COMMANDS[0]
    assert bang.get("nope") is None


def test_a_router_without_commands_leaves_everything_alone():
    assert Router([]).route("/use") == Unknown("use", None)
    assert Router([], "!").with_prefix("/use") == "/use"


@given(st.text())
def test_no_text_is_too_much(text):
    for decision in (router.route(text), router.route("/" + text), router.route("/use " + text)):
        assert decision is None or isinstance(decision, Call | Unknown)
