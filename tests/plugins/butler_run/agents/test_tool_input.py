"""What a tool would do, as the chat is shown it."""

from pathlib import Path

import pytest

from butler_run.agents.events import Change
from butler_run.agents.text import on_one_line
from butler_run.agents.tool_input import changes_of, command_of, detail_of

FOLDER = Path("/repo")


@pytest.mark.parametrize(
    ("tool_input", "command"),
    [({"command": "ls"}, "ls"), ({"command": ["ls", "a b"]}, "ls 'a b'"), ({}, None)],
)
def test_a_command_is_one_line(tool_input, command):
    assert command_of(tool_input) == command


@pytest.mark.parametrize(
    ("tool_input", "changes"),
    [
        ({"file_path": "/repo/a", "content": "x"}, (Change("a", None, "x"),)),
        ({"file_path": "/etc/a", "content": "x"}, (Change("/etc/a", None, "x"),)),
        ({"file_path": "a", "old_string": "x", "new_string": "y"}, (Change("a", "x", "y"),)),
        ({"notebook_path": "/repo/n", "new_source": "x"}, (Change("n", None, "x"),)),
        (
            {"file_path": "a", "edits": [{"old_string": "x", "new_string": "y"}, 1]},
            (Change("a", "x", "y"),),
        ),
        ({"command": "ls"}, ()),
    ],
)
def test_changes_are_what_was_and_what_would_be(tool_input, changes):
    assert changes_of(tool_input, FOLDER) == changes


@pytest.mark.parametrize(
    ("tool_input", "detail"),
    [
        ({"command": "ls"}, ""),
        ({"command": "ls", "description": "List\nfiles"}, 'description: "List\\nfiles"'),
        ({"url": "https://a.example", "n": 1}, 'url: "https://a.example"\nn: 1'),
        (
            {"command": "ls", "dangerouslyDisableSandbox": True, "run_in_background": True},
            "dangerouslyDisableSandbox: true\nrun_in_background: true",
        ),
        ({"command": {"argv": ["rm"]}}, 'command: {"argv": ["rm"]}'),
        ({"file_path": "a", "old_string": "x", "new_string": "y"}, ""),
        (
            {"file_path": "a", "old_string": "x", "new_string": "y", "replace_all": True},
            "replace_all: true",
        ),
        ({"file_path": "a", "content": "x", "new_string": "y"}, 'content: "x"'),
        ({"file_path": "a", "notebook_path": "b", "content": "x"}, 'notebook_path: "b"'),
        ({"file_path": ["a"], "content": "x"}, 'file_path: ["a"]\ncontent: "x"'),
        ({"file_path": "a", "content": 1}, "content: 1"),
        ({"file_path": "a", "edits": [{"old_string": "x", "new_string": "y"}]}, ""),
        (
            {"file_path": "a", "edits": [{"new_string": "y", "replace_all": True}]},
            'file_path: "a"\nedits: [{"new_string": "y", "replace_all": true}]',
        ),
        ({"file_path": "a", "edits": "x"}, 'file_path: "a"\nedits: "x"'),
        ({"content": "x"}, 'content: "x"'),
    ],
)
def test_the_rest_is_the_detail(tool_input, detail):
    assert detail_of(tool_input) == detail


@pytest.mark.parametrize(
    ("text", "line"), [("a\n  b.", "a b"), ("x" * 400, "x" * 299 + "…"), ("", "")]
)
def test_a_text_becomes_one_line(text, line):
    assert on_one_line(text) == line
