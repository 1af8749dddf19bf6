"""Git in a sandbox: its work is done, and what it takes commands from stays as it was."""

import fcntl
import os
import subprocess

import pytest

from butler.testing import make_working_copy
from butler_run.sandbox.boundary import Limits
from butler_run.sandbox.bubblewrap import Bind, Box, command_line
from butler_run.sandbox.git_folders import git_folders, prepared
from butler_run.sandbox.look_back import LookBack
from butler_run.sandbox.probe import SandboxError, find
from butler_run.sandbox.watch import Watch

GIT = "git -c user.name=A -c user.email=a@b"
WORK = (
    f"{GIT} add -A && {GIT} commit -qm made && git checkout -qb other && git log --oneline | wc -l"
)


def git(folder, *arguments):
    command = [
        "git",
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@b",
        "-c",
        "protocol.file.allow=always",
    ]
    done = subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_an_agent_can_commit_and_branch(shell, api):
    said = await shell(f"echo made > made.txt; {WORK}; git stash list; git gc -q && echo clean")

    assert "clean" in said
    assert git(api, "log", "-1", "--format=%s", "other") == "made\n"


@pytest.mark.parametrize(
    "attempt",
    [
        "git config core.fsmonitor 'touch /tmp/run'",
        "echo '[core]' > .git/config",
        "rm .git/config",
        "mv .git elsewhere",
        "rm -rf .git",
        "echo '#!/bin/sh' > .git/hooks/pre-commit",
        "mkdir evil; echo ../evil > .git/commondir",
        "rm .git/commondir",
        "git remote add origin /tmp/x",
    ],
)
async def test_what_git_runs_cannot_be_changed(shell, api, attempt):
    before = (api / ".git" / "config").read_text()

    said = await shell(f"{attempt}; echo status $?")

    assert "status 0" not in said
    assert (api / ".git" / "config").read_text() == before
    assert not (api / ".git" / "hooks" / "pre-commit").exists()
    assert not (api / ".git" / "commondir").exists()


async def test_a_configuration_of_the_worktree_cannot_be_made_where_git_would_read_it(shell, api):
    git(api, "config", "extensions.worktreeConfig", "true")

    said = await shell("git config --worktree core.fsmonitor x; echo status $?")

    assert "status 0" not in said
    assert git(api, "config", "core.bare") == "false\n"


async def test_a_submodule_can_be_worked_in_and_its_configuration_not_changed(shell, api, outside):
    make_working_copy(outside / "library")
    (outside / "library" / "file").touch()
    git(outside / "library", "add", "-A")
    git(outside / "library", "commit", "-qm", "first")
    git(api, "submodule", "add", "-q", str(outside / "library"), "sub")
    before = (api / ".git" / "modules" / "sub" / "config").read_text()

    said = await shell(
        f"cd sub && echo more > file && {GIT} commit -qam more && echo committed; "
        "git config core.fsmonitor x; echo status $?; "
        "echo x > ../.git/modules/sub/hooks/post-commit; echo gitdir: ../x > .git; echo end"
    )

    assert "committed" in said
    assert "status 0" not in said
    assert (api / ".git" / "modules" / "sub" / "config").read_text() == before
    assert (api / "sub" / ".git").read_text() == "gitdir: ../.git/modules/sub\n"
    assert not (api / ".git" / "modules" / "sub" / "hooks" / "post-commit").exists()


async def test_a_repository_in_the_repo_that_git_calls_a_submodule_is_guarded_too(shell, api):
    make_working_copy(api / "old")
    (api / ".gitmodules").write_text('[submodule "old"]\n\tpath = old\n')

    said = await shell("cd old && git config core.fsmonitor x; echo status $?")

    assert "status 0" not in said


@pytest.mark.parametrize("name", ["config", "hooks"])
async def test_a_link_in_the_git_folder_is_refused_for_it_would_show_its_target(
    shell, api, outside, name
):
    secret = outside / "data" / "secret"
    secret.write_text("secret")
    (api / ".git" / "modules" / "sub" / "objects").mkdir(parents=True)
    (api / ".git" / "modules" / "sub" / "HEAD").touch()
    (api / ".git" / "modules" / "sub" / name).symlink_to(
        secret.parent if name == "hooks" else secret
    )

    said = await shell(f"cat {secret} .git/modules/sub/{name}; ls .git/modules/sub/{name}")

    assert "is neither a file nor a folder, so it cannot be protected" in said
    assert "secret" not in said.replace(str(secret), "")


def test_a_git_folder_that_is_a_link_is_refused(api, outside):
    (api / ".git").rename(outside / "moved")
    (api / ".git").symlink_to(outside / "moved")

    with pytest.raises(SandboxError, match="is a symbolic link, so no agent can work there"):
        git_folders(api)


@pytest.mark.parametrize("name", ["config", "commondir"])
def test_a_configuration_that_is_a_pipe_is_refused_at_once(api, name):
    (api / ".git" / name).unlink(missing_ok=True)
    os.mkfifo(api / ".git" / name)

    with (
        pytest.raises(SandboxError, match="is neither a file nor a folder"),
        prepared(git_folders(api)),
    ):
        pass


def test_the_end_of_one_sandbox_opens_nothing_in_another(api):
    looking, working = prepared(git_folders(api)), prepared(git_folders(api))
    looking.__enter__()
    with working as git_mounts:
        mounts = (Bind(api, is_writable=True), *git_mounts.writable, *git_mounts.pins)
        command = [
            "sh",
            "-c",
            "echo there; read line; echo ../evil > .git/commondir; echo status $?",
        ]
        with subprocess.Popen(
            command_line(find().program, Box(api, mounts), command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as box:
            box.stdout.readline()
            looking.__exit__(None, None, None)
            said, _ = box.communicate("go\n")

    assert said != "status 0\n"
    assert not (api / ".git" / "commondir").exists()


def test_what_a_sandbox_left_behind_when_it_was_killed_is_removed_by_the_next_one(api):
    (api / ".git" / "commondir").write_text(".\n")

    with prepared(git_folders(api)):
        assert (api / ".git" / "commondir").exists()

    assert not (api / ".git" / "commondir").exists()


def test_a_file_that_an_agent_keeps_locked_is_waited_for_in_vain_not_for_ever(api, mocker):
    mocker.patch("butler_run.sandbox.placeholders._PAUSE_S", 0.0)
    with prepared(git_folders(api)), (api / ".git" / "commondir").open() as held:
        # Whoever made the file has read and locked it before, as a sandbox does.
        fcntl.flock(held, fcntl.LOCK_SH)

        with prepared(git_folders(api)):
            pass
        assert (api / ".git" / "commondir").exists()

    (api / ".git" / "commondir").write_text(".\n")
    with (api / ".git" / "commondir").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SandboxError, match="is locked by another"), prepared(git_folders(api)):
            pass


def test_a_git_file_that_leads_elsewhere_is_refused(api, outside):
    (api / ".git").rename(outside / "moved")
    (api / ".git").write_text(f"gitdir: {outside}/data\n")

    with pytest.raises(SandboxError, match="which does not point back, so no agent can work"):
        git_folders(api)


async def test_a_linked_worktree_can_be_committed_in(shell_with, butler_toml, outside, api):
    git(api, "worktree", "add", "-q", "-b", "side", str(outside / "side"))
    toml = butler_toml.replace(f'repos.api.path = "{api}"', f'repos.api.path = "{outside}/side"')

    async with shell_with(toml, outside / "butler.toml") as shell:
        said = await shell(
            f"echo made > made.txt; {GIT} add -A && {GIT} commit -qm made && echo committed; "
            f"git config core.fsmonitor x; echo status $?; echo gitdir: ../x > .git; echo end; "
            f"echo x > {api}/.git/worktrees/side/commondir; echo x > {api}/.git/HEAD"
        )

    assert "committed" in said
    assert "status 0" not in said
    assert git(api, "log", "-1", "--format=%s", "side") == "made\n"
    assert (outside / "side" / ".git").read_text().startswith(f"gitdir: {api}")
    assert (api / ".git" / "worktrees" / "side" / "commondir").read_text() == "../..\n"
    assert (api / ".git" / "HEAD").read_text() == "ref: refs/heads/main\n"


async def test_a_repo_within_a_working_copy_has_its_history_and_writes_nothing_beside(
    shell_with, butler_toml, outside, api
):
    (api / "part").mkdir()
    toml = butler_toml.replace(f'repos.api.path = "{api}"', f'repos.api.path = "{api}/part"')

    async with shell_with(toml, outside / "butler.toml") as shell:
        said = await shell(
            f"echo made > made.txt; {GIT} add made.txt && {GIT} commit -qm made && echo committed; "
            "touch ../beside"
        )

    assert "committed" in said
    assert not (api / "beside").exists()


async def test_a_run_that_tried_in_vain_is_not_blamed(shell):
    assert "Changed" not in await shell("echo go > .git/hooks/x; echo end")


def test_a_change_from_outside_while_the_run_worked_is_named(api):
    look = LookBack(api, api)
    look.begin()
    git(api, "config", "core.fsmonitor", "x")
    look.end(Watch(Limits(), (api,)))

    assert "Changed during the run: .git/config, which can make git run" in look.notes[0]
