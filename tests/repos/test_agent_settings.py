"""What a working copy brings for agents and for git is found, and nothing else."""

import subprocess

import pytest

from butler.repos.agent_settings import Brought, brought_by
from butler.testing import make_working_copy


@pytest.fixture
def api(tmp_path):
    return make_working_copy(tmp_path / "api")


def hook(folder):
    (folder / "hooks").mkdir(exist_ok=True)
    (folder / "hooks" / "pre-commit").touch(mode=0o755)
    (folder / "hooks" / "post-checkout").touch(mode=0o644)
    (folder / "hooks" / "pre-push.sample").touch(mode=0o755)


def test_a_plain_working_copy_brings_nothing(api):
    assert brought_by(api) == Brought()


def test_settings_and_hooks_are_found(api):
    for name in (".claude", ".gemini", ".codex"):
        (api / name).mkdir()
    (api / ".mcp.json").symlink_to("nowhere")
    hook(api / ".git")

    assert brought_by(api) == Brought(
        (".claude", ".mcp.json", ".gemini", ".codex"), ("pre-commit",)
    )


def test_hooks_of_a_linked_worktree_are_those_of_its_repository(api, tmp_path):
    subprocess.run(["git", "worktree", "add", "-q", str(tmp_path / "side")], cwd=api, check=True)
    hook(api / ".git")

    assert brought_by(tmp_path / "side").hooks == ("pre-commit",)


@pytest.mark.parametrize("content", ["gitdir: ../../elsewhere", "nonsense"])
def test_a_git_folder_that_cannot_be_trusted_is_not_looked_into(tmp_path, content):
    (tmp_path / ".git").write_text(content)

    assert brought_by(tmp_path) == Brought()
