"""The numbers under which a question's options are offered."""

import asyncio

import pytest

from butler import Person, Repo, said
from butler_run.agents import Option, OptionKind, PermissionAsked
from butler_run.permissions.questions import Question
from butler_run.permissions.standing import Scope

ALLOW, ALWAYS, REJECT = OptionKind.ALLOW_ONCE, OptionKind.ALLOW_ALWAYS, OptionKind.REJECT


@pytest.fixture
async def asking(tmp_path):
    def asked(*options, scope=None):
        offered = tuple(
            Option(number, f"o{number}", *option) for number, option in enumerate(options, start=1)
        )
        asked = PermissionAsked("q", "Open", None, (), "", offered)
        answer = asyncio.get_running_loop().create_future()
        return Question(
            *("a1", "team@g.us", 1, Repo("api", tmp_path), Person.parse("+4915111111")),
            *("member", "claude", asked, "", scope, answer),
        )

    return asked


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ([("Yes", ALLOW), ("No", REJECT)], {1: "o1", 3: "o2"}),
        ([("Yes", ALLOW)], {1: "o1", 3: None}),
        ([("Yes", ALLOW), ("Always", ALWAYS), ("No", REJECT)], {1: "o1", 3: "o3"}),
        (
            [("A", ALLOW), ("B", ALLOW), ("C", ALLOW), ("No", REJECT), ("Never", REJECT)],
            {1: "o1", 3: "o4", 4: "o2", 5: "o3", 6: "o5"},
        ),
    ],
)
async def test_one_is_yes_three_is_no_and_further_ones_come_from_four(asking, options, numbers):
    ways = asking(*options).ways

    assert {way.number: way.option and way.option.id for way in ways} == numbers


async def test_two_is_always_where_an_owner_may_say_so(asking):
    scope = Scope(("Open",), "open a file", "open a file, always")

    ways = asking(("Yes", ALLOW), ("B", ALLOW), ("No", REJECT), scope=scope).ways

    assert [(way.number, way.is_always) for way in ways] == [
        (1, False),
        (2, True),
        (3, False),
        (4, False),
    ]


async def test_an_option_beyond_nine_is_accepted_and_keeps_its_case(asking):
    folders = [(f"/Users/Anna/MyDocs/{number}", ALLOW) for number in range(1, 21)]

    question = asking(*folders, ("No", REJECT))

    assert "22 /Users/Anna/MyDocs/20" in question.text(is_only_one=True)
    answer = said("22", is_reaction=False)
    assert question.way(answer.word).option.label == "/Users/Anna/MyDocs/20"
    assert question.way("23") is None
