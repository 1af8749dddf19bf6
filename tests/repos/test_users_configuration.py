import os
import stat
from pathlib import Path

import pytest

from butler import GitError, run_git
from butler.repos import git, users_configuration
from butler.repos.users_configuration import UsersConfiguration
from butler.testing import make_working_copy


@pytest.fixture(autouse=True)
def nothing_known_yet(mocker):
    mocker.patch.object(git, "_users_configuration", UsersConfiguration())


@pytest.fixture
def api(tmp_path):
    return make_working_copy(tmp_path / "api")


@pytest.fixture
def program(tmp_path):
    """A program that leaves a file behind when it is run."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(trap.stat().st_mode | stat.S_IXUSR)
    return trap


@pytest.fixture
def users():
    """Write the user's own configuration of git."""

    def write(text):
        path = Path.home() / ".gitconfig"
        path.write_text(text)
        return path

    return write


def change_without_changing_the_size(file):
    """Git reads a file only where its size does not tell that it changed."""
    file.write_text(file.read_text().swapcase())


def poison(api, program):
    """Write a configuration into the repo that names programs for all that git does."""
    (api / "team.gitconfig").write_text(
        f'[filter "own"]\n\tclean = {program}\n\tprocess = {program}\n'
        f'[diff "own"]\n\tcommand = {program}\n\ttextconv = {program}\n'
        f"[diff]\n\texternal = {program}\n"
        f"[core]\n\tfsmonitor = {program}\n\thooksPath = {program.parent}\n\tpager = {program}\n"
        f"\teditor = {program}\n\tsshCommand = {program}\n"
        f"[pager]\n\tlog = {program}\n\tstatus = {program}\n"
        f'[gpg]\n\tprogram = {program}\n[credential]\n\thelper = "!{program}"\n'
        f'[log]\n\tshowSignature = true\n[alias]\n\tstatus = "!{program}"\n'
    )
    (api / ".gitattributes").write_text("README.md filter=own diff=own\n")
    change_without_changing_the_size(api / "README.md")


async def everything_asked(api):
    for command in (("status",), ("diff",), ("log", "-p", "-1"), ("ls-files", "-m"), ("show",)):
        await run_git(api, *command)
    own = {"GIT_DIR": str(api / ".git"), "GIT_WORK_TREE": str(api)}
    await run_git(api, "diff-files", "-p", environment=own)


@pytest.mark.parametrize("key", ["include", 'includeIf "gitdir:**"', 'includeIf "onbranch:main"'])
async def test_programs_that_the_users_configuration_includes_from_a_repo_are_not_run(
    tmp_path, api, program, users, key
):
    users(f"[{key}]\n\tpath = {api}/team.gitconfig\n")
    poison(api, program)

    await everything_asked(api)

    assert not (tmp_path / "sprung").exists()


async def test_programs_of_a_users_configuration_that_is_a_link_into_a_repo_are_not_run(
    tmp_path, api, program
):
    (Path.home() / ".gitconfig").symlink_to(api / "team.gitconfig")
    poison(api, program)

    await everything_asked(api)

    assert not (tmp_path / "sprung").exists()


async def test_what_is_newly_made_where_the_users_configuration_leads_is_not_run(
    tmp_path, api, program, users
):
    users(f"[include]\n\tpath = {api}/team.gitconfig\n")
    await everything_asked(api)
    poison(api, program)

    await everything_asked(api)

    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("target", ["normalTarget", "eventTarget", "perfTarget"])
async def test_git_reports_nowhere_what_it_does(tmp_path, api, users, target):
    (api / "team.gitconfig").write_text(
        f"[trace2]\n\t{target} = {tmp_path}/profile\n\tconfigParams = user.*\n"
        '[user]\n\tname = "$(touch /tmp/x)"\n'
    )
    users(f"[include]\n\tpath = {api}/team.gitconfig\n")

    await everything_asked(api)

    assert not (tmp_path / "profile").exists()


async def test_files_that_the_user_ignores_are_not_shown(api, users):
    (Path.home() / "ignored").write_text("*.log\n")
    users("[core]\n\texcludesFile = ~/ignored\n")
    (api / "a.log").write_text("")

    assert await run_git(api, "status", "--porcelain") == b""


async def test_line_ends_are_those_that_the_user_configured(api, users):
    users("[core]\n\tautocrlf = true\n")
    (api / "README.md").write_bytes(
        b"".join(line + b"\r\n" for line in (api / "README.md").read_bytes().splitlines())
    )

    assert await run_git(api, "diff", "--stat") == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_a_folder_of_another_user_is_asked_where_the_user_trusts_it(api, users):
    for path in (api, *api.rglob("*")):
        os.chown(path, 1234, 1234)
    users(f"[safe]\n\tdirectory = {api}\n")

    assert await run_git(api, "symbolic-ref", "--short", "HEAD") == b"main\n"
    assert await run_git(api, "status", "--porcelain") == b""


async def test_files_of_git_lfs_are_compared_by_git_lfs(tmp_path, api, users, monkeypatch):
    lfs = tmp_path / "bin" / "git-lfs"
    lfs.parent.mkdir()
    lfs.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nexit 1\n')
    lfs.chmod(0o700)
    monkeypatch.setenv("PATH", f"{lfs.parent}:{os.environ['PATH']}")
    users(f'[filter "lfs"]\n\tclean = {tmp_path}/else\n\tprocess = {tmp_path}/else\n')
    (api / ".gitattributes").write_text("README.md filter=lfs\n")
    change_without_changing_the_size(api / "README.md")

    with pytest.raises(GitError):  # this one says nothing of the file
        await run_git(api, "status", "--porcelain")

    assert "filter-process" in (tmp_path / "asked").read_text()


async def test_a_change_of_the_users_configuration_applies_at_once(api, users):
    (api / "a.log").write_text("")
    assert await run_git(api, "status", "--porcelain") == b"?? a.log\n"
    (Path.home() / "ignored").write_text("*.log\n")

    users("[core]\n\texcludesFile = ~/ignored\n")

    assert await run_git(api, "status", "--porcelain") == b""


@pytest.mark.parametrize("text", ["[core", "[safe]\n\tdirectory\n", '[core]\n\teol = "\\"\\n[x"\n'])
async def test_a_mistake_in_the_users_configuration_stops_nothing(api, users, text):
    users(text)

    assert await run_git(api, "status", "--porcelain") == b""


async def test_a_pipe_that_the_users_configuration_includes_holds_nobody_up(api, users, mocker):
    mocker.patch.object(users_configuration, "_LIMIT_S", 0.1)
    os.mkfifo(api / "team.gitconfig")
    users(f"[include]\n\tpath = {api}/team.gitconfig\n")

    assert await run_git(api, "status", "--porcelain") == b""
