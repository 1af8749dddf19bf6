"""The fixtures for authors of plugins, whatever git they have."""

import subprocess

from butler.testing import make_working_copy


def test_a_working_copy_is_made_in_its_folder_also_in_a_hook_and_where_commits_are_signed(
    tmp_path, monkeypatch
):
    (tmp_path / "gitconfig").write_text(
        "[commit]\ngpgSign = true\n[gpg]\nprogram = false\n[core]\nhooksPath = /nowhere\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    with monkeypatch.context() as hook:
        hook.setenv("GIT_DIR", str(tmp_path / "authors-own"))
        folder = make_working_copy(tmp_path / "api")

    log = subprocess.run(
        ["git", "log", "--format=%s"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert log.stdout == "First commit\n"
    assert not (tmp_path / "authors-own").exists()
