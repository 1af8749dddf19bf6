"""Patches as rows."""

import pytest

from butler.web.diffs import coloured, read_patch

PATCH = """diff --git a/old name.txt b/new name.txt
similarity index 90%
rename from old name.txt
rename to new name.txt
--- a/old name.txt
+++ b/new name.txt
@@ -10,3 +10,4 @@ def f():
 same
-one
-two
+three
 same
+four
\\ No newline at end of file
diff --git a/logo.png b/logo.png
Binary files a/logo.png and b/logo.png differ
"""


def test_a_patch_is_read_by_files_and_lines():
    first, second = read_patch(PATCH).files

    assert first.path == "new name.txt"
    assert (first.added, first.removed) == (2, 2)
    assert [(row.kind, row.old, row.new) for row in first.rows] == [
        ("hunk", None, None),
        ("same", 10, 10),
        ("removed", 11, None),
        ("removed", 12, None),
        ("added", None, 11),
        ("same", 13, 12),
        ("added", None, 13),
    ]
    assert (second.path, second.rows) == ("logo.png", [])
    assert second.note.startswith("Binary files")


def test_what_was_removed_stands_beside_what_was_added_in_its_place():
    sides = read_patch(PATCH).files[0].sides

    shown = [(old and old.pieces[0][1], new and new.pieces[0][1]) for old, new in sides[2:]]
    assert shown == [("one", "three"), ("two", None), ("same", "same"), (None, "four")]


def test_a_long_patch_is_cut_and_says_so():
    patch = read_patch(PATCH, most_rows=3)

    assert patch.is_cut
    assert len(patch.files[0].rows) == 4


@pytest.mark.parametrize("text", ["", "\n", "@@ -1 +1 @@\n+x", "diff --git nonsense\n+x"])
def test_what_is_no_patch_has_no_lines(text):
    assert not any(file.rows for file in read_patch(text).files)


@pytest.mark.parametrize("path", ["a.py", "a.js", "Makefile", "a.unknown", "", "../../x.py"])
@pytest.mark.parametrize("line", ["", "  x = 'a'  # b", "\t\x00\x1b[1m", "a" * 5_000, "</span>"])
def test_colours_change_no_text(path, line):
    text = "".join(piece for _colour, piece in coloured(path, line))

    assert text == line if len(line) < 2_000 else text.endswith("…")


@pytest.mark.parametrize(
    "path", ["app.py", "with space.py", ".env b/README.md", "a/b b/c b/d", 'odd\\".py', "ünïcode"]
)
def test_a_file_is_shown_with_its_own_path_whatever_that_is(path):
    quote = '"' if "\\" in path else ""

    (found,) = read_patch(f"diff --git {quote}a/{path}{quote} {quote}b/{path}{quote}\n").files

    assert found.path == path


def first_row(line):
    return read_patch(f"diff --git a/a.py b/a.py\n@@ -0,0 +1 @@\n+{line}\n").files[0].rows[1]


def test_a_line_that_a_lexer_may_take_long_for_is_plain(mocker):
    long = f"def f({'x' * 500})"
    assert first_row("def f(x)").pieces[0] == ("k", "def")
    assert first_row(long).pieces == [("", long)]

    mocker.patch("butler.web.diffs.COLOURING_LIMIT_S", 0.0)

    assert first_row("def f(x)").pieces == [("", "def f(x)")]


def test_a_line_too_long_to_be_shown_is_cut():
    assert first_row("x" * 3_000).pieces == [("", "x" * 2_000 + "…")]
