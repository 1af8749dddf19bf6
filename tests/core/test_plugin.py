from typing import Literal, Optional, Union

import pytest

from butler import Context, Plugin, PluginError, Repo, Role, Settings, command, listener
from butler.core.commands import MOST_WORDS, Kind
from butler.core.handlers import commands_of, listeners_of
from butler.core.router import Router
from butler.errors import UsageError


def plugin_with(*handlers, **marks):
    """Return a plugin whose handlers are these functions."""
    members = {handler.__name__: command(**marks)(handler) for handler in handlers}
    return type("SomePlugin", (Plugin,), members)(Settings())


def command_of(handler, **marks):
    (found,) = commands_of(plugin_with(handler, **marks), "some")
    return found


def not_async(self, ctx: Context) -> str:
    """Help."""


async def no_docstring(self, ctx: Context) -> str:
    return ""


async def no_context(self) -> str:
    """Help."""


async def context_is_many(self, *ctx: Context) -> str:
    """Help."""


async def no_type(self, ctx: Context, word) -> str:
    """Help."""


async def unknown_type(self, ctx: Context, word: bytes) -> str:
    """Help."""


async def type_of_several(self, ctx: Context, word: int | str) -> str:
    """Help."""


async def type_not_there(self, ctx: Context, word: "Nope") -> str:  # noqa: F821 - that is the point
    """Help."""


async def keywords(self, ctx: Context, **options: str) -> str:
    """Help."""


async def rest_before_rest(self, ctx: Context, *words: str, text: str) -> str:
    """Help."""


async def two_rests(self, ctx: Context, *, text: str, more: str) -> str:
    """Help."""


async def choice_of_numbers(self, ctx: Context, level: Literal[1, 2]) -> str:
    """Help."""


async def type_half_written(self, ctx: Context, word: "int |") -> str:  # noqa: F722 - the point
    """Help."""


async def fine(self, ctx: Context) -> str:
    """Help."""


@pytest.mark.parametrize(
    ("handler", "sentence"),
    [
        (not_async, "a handler must be defined with 'async def'."),
        (no_docstring, "a handler needs a docstring, it is the command's help."),
        (no_context, "the first parameter must be the context."),
        (context_is_many, "the first parameter must be the context."),
        (no_type, "parameter word: it has no type."),
        (unknown_type, "parameter word: its type must be str, int, float, Literal or Repo."),
        (type_of_several, "parameter word: its type must be str, int, float, Literal or Repo."),
        (type_not_there, "parameter word: its type cannot be resolved at run time (name 'Nope' is"),
        (type_half_written, "parameter word: its type cannot be resolved at run time ("),
        (choice_of_numbers, "parameter level: a Literal may only list strings."),
        (keywords, "parameter options: **options cannot be filled from a message."),
        (rest_before_rest, "a parameter that takes the whole rest must be the last one."),
        (two_rests, "a parameter that takes the whole rest must be the last one."),
    ],
)
def test_a_handler_that_breaks_a_rule_is_refused_with_its_place(handler, sentence):
    with pytest.raises(PluginError) as refused:
        command_of(handler)

    place = f"plugin 'some', handler {handler.__name__}"
    assert str(refused.value).startswith(place)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("name", ["Use", "1st", "", "a b", "x" * 33, "größe", "/use"])
def test_a_name_that_cannot_be_typed_is_refused(name):
    with pytest.raises(PluginError, match="is not a valid command name"):
        command_of(fine, aliases=(name,))


def test_aliases_that_are_one_text_are_refused_rather_than_taken_letter_by_letter():
    with pytest.raises(PluginError, match=r"aliases must be a tuple, such as \('hi',\)\."):
        command_of(fine, aliases="hi")


@listener
def listens_now(self, ctx: Context) -> None: ...


@listener
async def listens_to_words(self, ctx: Context, word: str) -> None: ...


@pytest.mark.parametrize(
    ("handler", "sentence"),
    [
        (listens_now, "a listener must be defined with 'async def'."),
        (listens_to_words, "a listener must take the context and nothing else."),
    ],
)
def test_a_listener_that_breaks_a_rule_is_refused_with_its_place(handler, sentence):
    plugin = type("SomePlugin", (Plugin,), {handler.__name__: handler})(Settings())

    with pytest.raises(PluginError) as refused:
        listeners_of(plugin, "some")

    assert str(refused.value) == f"plugin 'some', handler {handler.__name__}: {sentence}"


def test_two_plugins_with_one_command_are_refused():
    both = [each for name in ("a", "b") for each in commands_of(plugin_with(fine), name)]

    with pytest.raises(PluginError, match=r"plugin 'b': /fine is taken by plugin 'a' \(/fine\)"):
        Router(both)


def test_a_command_has_its_name_help_and_place_from_the_handler():
    async def list_all_(self, ctx: Context) -> str:
        """Say it.

        And more.
        """

    found = command_of(list_all_, aliases=("ls",), needs=Role.OWNER)

    assert found.names == ("list-all", "ls")
    assert (found.summary, found.help) == ("Say it.", "Say it.\n\nAnd more.")
    assert (found.needs, found.plugin) == (Role.OWNER, "some")


def test_a_name_of_its_own_wins():
    assert command_of(fine, name="other").name == "other"


async def every_kind(
    self,
    ctx: Context,
    word: str,
    count: int,
    share: float,
    repo: Repo,
    state: Literal["on", "off"],
    maybe: str | None = None,
    old: Optional[int] = None,  # noqa: UP045 - plugins may write it so
    older: Union[int, None] = None,  # noqa: UP007 - plugins may write it so
    *names: str,
) -> str:
    """Help."""


def test_usage_follows_from_the_signature():
    assert command_of(every_kind).usage == (
        "/every-kind <word> <count> <share> <repo> <on|off> [maybe] [old] [older] [names…]"
    )
    assert command_of(every_kind).parameters[-1].kind is Kind.MANY


def test_commands_are_in_the_order_in_which_they_are_written():
    class Base(Plugin):
        @command()
        async def b(self, ctx: Context) -> str:
            """Help."""

        @command()
        async def a(self, ctx: Context) -> str:
            """Help."""

    class Derived(Base):
        @command()
        async def c(self, ctx: Context) -> str:
            """Help."""

        async def a(self, ctx: Context) -> str:
            """Not a command any more."""

    assert [each.name for each in commands_of(Base(Settings()), "some")] == ["b", "a"]
    assert [each.name for each in commands_of(Derived(Settings()), "some")] == ["b", "c"]


class Switches(Plugin):
    @command()
    async def set(
        self,
        ctx: Context,
        state: Literal["on", "off"],
        count: int = 1,
        share: float = 0.5,
    ) -> str:
        """Set it."""
        return f"{state} {count} {share:g}"


@pytest.mark.parametrize(
    ("argument", "answer"),
    [
        ("on", "on 1 0.5"),
        ("OFF 2", "off 2 0.5"),
        ('"on" -3 1e3', "on -3 1000"),
        ("On.", "on 1 0.5"),
        ("*on* #2.", "on 2 0.5"),
        ("on 2 share 0.25", "on 2 0.25"),
        ("on \u2060 2\u200b", "on 2 0.5"),
    ],
)
async def test_words_become_what_the_handler_takes(argument, answer):
    (found,) = commands_of(Switches(Settings()), "some")

    assert await found.call(None, argument) == answer


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("", "Missing: state."),
        ("maybe", "maybe is not one of on, off."),
        ("on two", "two is not a whole number."),
        ("on " + "9" * 19, f"{'9' * 19} is not a whole number."),
        ("on 1 half", "half is not a number."),
        ("on 1 nan", "nan is not a number."),
        ("on 1 inf", "inf is not a number."),
        ("on 1 1 1", "Unexpected argument: 1."),
    ],
)
async def test_words_that_do_not_fit_are_answered_with_the_usage(argument, sentence):
    (found,) = commands_of(Switches(Settings()), "some")

    with pytest.raises(Exception, match="Usage: /set") as refused:
        await found.call(None, argument)

    assert str(refused.value) == f"{sentence} Usage: /set <on|off> [count] [share]"


class Names(Plugin):
    @command()
    async def call(self, ctx: Context, first: str, *names: str) -> str:
        """Call them."""
        return f"{first}: {'|'.join(names)}"


@pytest.mark.parametrize(
    ("argument", "answer"),
    [
        ("anna", "anna: "),
        ("anna  ben-1 \n carl ", "anna: ben-1|carl"),
        ('"anna b" \'c d\' “e f” "g"h ""', 'anna b: c d|e f|"g"h|'),
        ("a" + " b" * MOST_WORDS, "a: " + "|".join("b" * MOST_WORDS)),
    ],
)
async def test_all_further_words_are_taken_with_quotes_keeping_spaces_together(argument, answer):
    (found,) = commands_of(Names(Settings()), "some")

    assert await found.call(None, argument) == answer


async def test_a_word_is_taken_as_it_was_meant_and_a_text_as_it_was_written():
    async def note(self, ctx: Context, word: str, *, text: str) -> str:
        """Note."""
        return f"{word!a} {text!a}"

    answer = await command_of(note).call(None, "*one*\u200b “two”\u200b *three*.")

    assert answer == ascii("one") + " " + ascii("“two”\u200b *three*.")


async def test_more_than_a_hundred_words_are_refused_rather_than_lost():
    (found,) = commands_of(Names(Settings()), "some")

    with pytest.raises(UsageError, match="Unexpected argument: c"):
        await found.call(None, "a" + " b" * MOST_WORDS + " c")
