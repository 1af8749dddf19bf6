"""An agent cannot move a folder away and put another one where git takes commands from it."""

import subprocess

import pytest

from butler.testing import make_working_copy

EVIL = "[core]\n\tfsmonitor = touch /tmp/run; false\n"


def git(folder, *arguments):
    options = (
        *("-c", "user.name=A", "-c", "user.email=a@b"),
        *("-c", "protocol.file.allow=always"),
    )
    done = subprocess.run(
        ["git", *options, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def with_submodule(api, outside):
    git(api, "submodule", "add", "-q", str(make_working_copy(outside / "library")), "deps/lib")
    git(api, "commit", "-qm", "with a submodule")
    return api


@pytest.mark.parametrize(
    ("attempt", "place"),
    [
        (
            "mv .git/modules .git/moved; cp -r .git/moved .git/modules",
            ".git/modules/deps/lib/config",
        ),
        (
            "mv .git/modules/deps .git/moved; cp -r .git/moved .git/modules/deps",
            ".git/modules/deps/lib/config",
        ),
        ("mv deps moved; cp -r moved deps", "deps/lib/.git"),
        ("mv deps/lib deps/moved; cp -r deps/moved deps/lib", "deps/lib/.git"),
    ],
)
async def test_a_submodule_is_not_replaced(shell, with_submodule, attempt, place):
    before = (with_submodule / place).read_text()

    await shell(f"{attempt}; echo evil > {place}; echo end")

    assert (with_submodule / place).read_text() == before


@pytest.mark.parametrize(
    "attempt",
    [
        "mv .git/worktrees .git/moved; cp -r .git/moved .git/worktrees",
        "mv .git/worktrees/side .git/moved; cp -r .git/moved .git/worktrees/side",
    ],
)
async def test_what_a_worktree_elsewhere_is_led_to_is_not_replaced(shell, api, outside, attempt):
    git(api, "worktree", "add", "-q", "-b", "side", str(outside / "side"))
    place = ".git/worktrees/side/commondir"

    await shell(f"{attempt}; echo evil > {place}; echo end")

    assert (api / place).read_text() == "../..\n"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("../shared.gitconfig", "shared.gitconfig"),
        ("../deep/er/gitconfig", "deep/er/gitconfig"),
        ("more", ".git/more"),
    ],
)
async def test_what_gits_configuration_includes_from_the_repo_is_read_only(shell, api, path, place):
    git(api, "config", "include.path", path)
    (api / place).parent.mkdir(parents=True, exist_ok=True)
    (api / place).write_text("[alias]\n\tst = status\n")

    said = await shell(
        f"echo '{EVIL}' > {place}; mv {place} moved; mv deep deeper; mkdir -p deep/er; "
        f"echo '{EVIL}' > {place}; git st > /dev/null && echo end"
    )

    assert "end" in said
    assert (api / place).read_text() == "[alias]\n\tst = status\n"


async def test_what_the_users_own_configuration_includes_from_the_repo_is_read_only(
    shell, api, written
):
    (api / "gitconfig").write_text("[alias]\n\tst = status\n")
    written(".gitconfig", f'[includeIf "gitdir:{api}/"]\n\tpath = {api}/gitconfig\n')

    await shell(f"echo '{EVIL}' > gitconfig; echo end")

    assert (api / "gitconfig").read_text() == "[alias]\n\tst = status\n"


async def test_a_configuration_that_is_included_and_newly_made_is_named(shell, api):
    git(api, "config", "include.path", "../not/yet")

    said = await shell(f"mkdir not; echo '{EVIL}' > not/yet; echo end")

    assert "Changed during the run: not/yet, which can make git run commands." in said


async def test_hooks_of_the_tree_that_a_run_changed_are_named(shell, api):
    git(api, "config", "core.hooksPath", ".husky")
    (api / ".husky").mkdir()

    said = await shell("echo x > .husky/pre-commit; echo end")

    assert "Changed during the run: .husky/pre-commit, which" in said


async def test_a_configuration_of_the_worktree_that_git_does_not_read_yet_is_named(shell):
    said = await shell(f"echo '{EVIL}' > .git/config.worktree; echo end")

    assert "Changed during the run: .git/config.worktree, which" in said


async def test_butlers_data_within_the_repo_is_not_replaced(shell_with, butler_toml, outside, api):
    toml = butler_toml.replace(f'data_dir = "{outside}/data"', f'data_dir = "{api}/a/b/data"')

    async with shell_with(toml, outside / "butler.toml") as shell:
        await shell("mv a moved; mkdir -p a/b/data; echo evil > a/b/data/grants.key; echo end")

    assert not (api / "moved").exists()
    assert (api / "a" / "b" / "data" / "grants.key").read_bytes() != b"evil\n"
