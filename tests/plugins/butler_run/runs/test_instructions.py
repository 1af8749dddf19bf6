"""What a project asks of agents reaches those that do not read it themselves."""

import os

import pytest

from butler.app import read_setup
from butler.testing import open_chat
from butler_run.runs.files import HOW_TO_SEND
from butler_run.runs.instructions import MAX_BYTES, instructions

SCRIPT = {"say": "<{instructions}>"}


async def test_a_fresh_conversation_begins_with_what_the_project_asks(chat, script, api, run):
    (api / "CLAUDE.md").write_text("Use tabs.\n")
    script.turns(SCRIPT)
    await chat("/use api")

    said = (await run(chat)).replace("\n", " ")
    assert f"<CLAUDE.md of this project says: Use tabs.  {HOW_TO_SEND}>" in said
    assert "<>" in await run(chat)


async def test_an_agent_reads_the_files_of_a_trusted_repo_itself(
    butler_toml, tmp_path, script, api, run
):
    (api / "CLAUDE.md").write_text("Use tabs.\n")
    script.turns(SCRIPT)
    path = tmp_path / "butler.toml"
    path.write_text(f"repos.api.trusted = true\n{butler_toml}")
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")

        assert f"<{HOW_TO_SEND}>" in await run(chat)


def test_all_files_for_agents_are_told_with_their_names(tmp_path):
    (tmp_path / ".claude").mkdir()
    for name in ("AGENTS.md", "CLAUDE.md", ".claude/CLAUDE.md"):
        (tmp_path / name).write_text(f"Mind {name}.")

    told = instructions(tmp_path)

    assert told.split("\n\n")[0] == "AGENTS.md of this project says:\nMind AGENTS.md."
    assert told.count("of this project says:") == 3


def _link(path):
    path.symlink_to("/etc/passwd")


def _folder_link(path):
    (path.parent / "elsewhere").mkdir()
    (path.parent / "elsewhere" / "CLAUDE.md").write_text("secret")
    (path.parent / ".claude").symlink_to("elsewhere")


@pytest.mark.parametrize("make", [_link, _folder_link, os.mkfifo, os.mkdir])
def test_what_is_no_plain_file_is_not_told(tmp_path, make):
    make(tmp_path / "CLAUDE.md")

    assert instructions(tmp_path) == ""


def test_of_a_long_file_the_beginning_is_told(tmp_path):
    (tmp_path / "AGENTS.md").write_text("x" * (MAX_BYTES + 1))

    assert instructions(tmp_path).count("x") == MAX_BYTES
