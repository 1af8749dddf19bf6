"""What a question shows of what the tool would do."""

import pytest

from butler_run.agents import Change, PermissionAsked
from butler_run.permissions.details import details, wish

MANY = "\n".join(map(str, range(500)))


def _asked(command=None, changes=(), detail=""):
    return PermissionAsked("1", "Tool", command, changes, detail, ())


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (_asked(command="ls", detail="lists"), "ls\nlists"),
        (_asked("ls", (Change("a", None, "1"),), "n: 1"), "ls\na\n+ 1\nn: 1"),
        (
            _asked(command="a\x1b]0;rm -rf ~\x07\u202eb\t\r\n"),
            "a\\x1b]0;rm -rf ~\\x07\\u202eb    \\r\n",
        ),
        (_asked(detail="looks around"), "looks around"),
        (_asked(), ""),
        (_asked(changes=(Change("a", None, "1\n2\n"),)), "a\n+ 1\n+ 2"),
        (_asked(changes=(Change("a", "1\n2\n", "1\n3\n"),)), "a\n  1\n- 2\n+ 3"),
        (_asked(changes=(Change("a", "1\n", ""),)), "a\n- 1"),
        (_asked(changes=(Change("a", "1\n", "1\n"),)), "a"),
        (
            _asked(changes=(Change("a", "1\n2\n3\n4\n5", "0\n2\n3\n4\n6"),)),
            "a\n- 1\n+ 0\n  2\n…\n  4\n- 5\n+ 6",
        ),
        (_asked(changes=(Change("a", None, "1"), Change("b", None, "2"))), "a\n+ 1\nb\n+ 2"),
    ],
)
def test_details_are_the_command_or_the_changes_or_what_else_is_told(asked, shown):
    assert details(asked) == shown


def test_a_change_of_many_lines_is_not_compared_line_by_line():
    shown = details(_asked(changes=(Change("a", MANY, MANY),))).split("\n")

    assert (shown[1], shown[501], len(shown)) == ("- 0", "+ 0", 1001)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (_asked(command="ls"), "run this command"),
        (_asked(changes=(Change("a", None, "1"),)), "write a"),
        (_asked(changes=(Change("a", "0", "1"),)), "edit a"),
        (_asked(changes=(Change("a", "0", "1"), Change("b", None, "1"))), "edit a and 1 more"),
        (_asked(), "use this tool: Tool"),
    ],
)
def test_a_wish_is_said_in_a_few_words(asked, wanted):
    assert wish(asked) == wanted
