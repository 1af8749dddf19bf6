"""What a question shows of what the tool would do."""

import pytest

from butler_run.agents import Change, PermissionAsked
from butler_run.permissions.details import details

MANY = "\n".join(map(str, range(500)))


def _asked(command=None, changes=(), detail=""):
    return PermissionAsked("1", "Tool", command, changes, detail, ())


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (_asked(command="ls", detail="lists"), "ls"),
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


def test_no_more_is_kept_than_a_document_should_hold():
    assert len(details(_asked(command="x" * 3_000_000))) == 1_000_000
