import asyncio
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from butler import GitError, run_git
from butler.testing import make_working_copy


@pytest.fixture
def api(tmp_path):
    return make_working_copy(tmp_path / "api")


@pytest.fixture
def own_git(tmp_path, monkeypatch):
    """Put a program called git, written in shell, before the real one."""

    def write(script):
        program = tmp_path / "bin" / "git"
        program.parent.mkdir()
        asked_for_the_users = '[ "$GIT_DIR" = /dev/null ] && exit 1'
        program.write_text(f"#!/bin/sh\n{asked_for_the_users}\n{script}\n")
        program.chmod(0o700)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return write


def is_alive(process_id):
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_what_git_writes_is_returned(api):
    assert await run_git(api, "symbolic-ref", "--short", "HEAD") == b"main\n"


async def test_git_reads_what_it_is_given(api):
    assert len(await run_git(api, "hash-object", "--stdin", stdin=b"hello")) == 41
    assert await run_git(api, "hash-object", "--stdin", stdin=b"") != b""


async def test_git_may_leave_what_it_is_given_unread(api):
    assert await run_git(api, "rev-parse", "--git-dir", stdin=b"x" * 1_000_000) == b".git\n"


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("api/nope", "The folder does not exist."),
        ("api/README.md", "The folder cannot be entered: Not a directory."),
        ("plain", "The folder is not a git working copy."),
    ],
)
async def test_a_folder_that_git_cannot_work_in_is_said_in_words(tmp_path, api, folder, sentence):
    (tmp_path / "plain").mkdir()

    with pytest.raises(GitError) as refused:
        await run_git(tmp_path / folder, "status")

    assert str(refused.value) == sentence


async def test_a_failure_has_gits_own_words_and_status(api):
    with pytest.raises(GitError) as refused:
        await run_git(api, "rev-parse", "--verify", "nope")

    assert str(refused.value) == "git failed: Needed a single revision."
    assert (refused.value.status, refused.value.stderr) == (128, "fatal: Needed a single revision")


NOT_TRUSTED = (
    "The folder belongs to another user, so git does not trust it. On the machine that runs "
    "Butler: git config --global --add safe.directory {}"
)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exit 3", "git failed: it gave no reason."),
        ("echo 'fatal: detected dubious ownership in repository' >&2; exit 128", NOT_TRUSTED),
        (
            "echo \"fatal: unsafe repository ('/x' is owned by someone else)\" >&2; exit 128",
            NOT_TRUSTED,
        ),
    ],
)
async def test_other_failures_are_said_in_words(api, own_git, script, sentence):
    own_git(script)

    with pytest.raises(GitError) as refused:
        await run_git(api, "status")

    assert str(refused.value) == sentence.format(api)


async def test_a_folder_with_spaces_stays_one_word_in_what_to_type(tmp_path, own_git):
    make_working_copy(tmp_path / "my api; reboot")
    own_git("echo 'fatal: detected dubious ownership in repository' >&2; exit 128")

    with pytest.raises(GitError) as refused:
        await run_git(tmp_path / "my api; reboot", "status")

    assert str(refused.value).endswith(f" safe.directory '{tmp_path}/my api; reboot'")


async def test_without_git_the_sentence_says_so(api, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(GitError, match="git is not installed on the machine that runs Butler"):
        await run_git(api, "status")


async def test_git_that_hangs_is_killed_with_its_children(api, own_git, tmp_path, clock):
    os.mkfifo(tmp_path / "started")
    own_git(f"sleep 60 & echo $! $$ > {tmp_path}/started; wait")
    asking = asyncio.create_task(run_git(api, "status"))
    child, git = (await asyncio.to_thread((tmp_path / "started").read_text)).split()

    clock.put_forward(10)

    with pytest.raises(GitError, match=r"git did not answer within 10 s\."):
        await asking
    assert not is_alive(git)
    while is_alive(child):  # noqa: ASYNC110 - other processes set no event
        await asyncio.sleep(0)


async def test_git_dies_with_the_task_that_asked(api, own_git, tmp_path):
    os.mkfifo(tmp_path / "started")
    own_git(f"echo $$ > {tmp_path}/started; exec sleep 60")
    asking = asyncio.create_task(run_git(api, "status"))
    process_id = await asyncio.to_thread((tmp_path / "started").read_text)

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not is_alive(process_id.strip())


async def test_git_that_is_given_up_while_it_starts_dies_with_its_children(
    api, own_git, tmp_path, mocker
):
    os.mkfifo(tmp_path / "started")
    own_git(f"sleep 60 & echo $! $$ > {tmp_path}/started; wait")
    real = asyncio.create_subprocess_exec

    async def start_slowly(*arguments, **options):
        process = await real(*arguments, **options)
        if options["env"].get("GIT_DIR") != os.devnull:  # its children are there, but not it
            ids = await asyncio.to_thread((tmp_path / "started").read_text)
            started.set_result(ids.split())
            await is_given_up.wait()
        return process

    mocker.patch("asyncio.create_subprocess_exec", start_slowly)
    started, is_given_up = asyncio.get_running_loop().create_future(), asyncio.Event()
    asking = asyncio.create_task(run_git(api, "log"))
    child, git = await started

    asking.cancel()
    is_given_up.set()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not is_alive(git)
    while is_alive(child):  # noqa: ASYNC110 - other processes set no event
        await asyncio.sleep(0)


async def test_git_that_writes_without_end_is_refused(api, own_git, mocker):
    mocker.patch("butler.repos.git_process.MAX_OUTPUT_BYTES", 2**20)
    own_git("head -c 3000000 /dev/zero")

    with pytest.raises(GitError, match="git wrote more than 1 MiB"):
        await run_git(api, "log")


async def test_many_complaints_do_not_hold_git_up(api, own_git):
    own_git("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1")

    with pytest.raises(GitError) as refused:
        await run_git(api, "log")

    assert len(refused.value.stderr) == 4_000


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("core.fsmonitor", ("status",)),
        ("core.pager", ("log",)),
        ("diff.external", ("diff",)),
        ("diff.loud.command", ("diff",)),
        ("diff.loud.textconv", ("log", "--patch")),
    ],
)
async def test_programs_that_a_working_copy_names_are_not_run(tmp_path, api, key, command):
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(trap.stat().st_mode | stat.S_IXUSR)
    await run_git(api, "config", key, str(trap))
    (api / ".gitattributes").write_text("README.md diff=loud\n")
    (api / "README.md").write_text("changed\n")

    await run_git(api, *command)

    assert not (tmp_path / "sprung").exists()


@pytest.fixture
def trap(tmp_path):
    """A program that leaves a file behind when it is run."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(trap.stat().st_mode | stat.S_IXUSR)
    return trap


async def attach_filter(folder, key, trap, name="f.1"):
    await run_git(folder, "config", f"filter.{name}.{key}", str(trap))
    (folder / ".gitattributes").write_text(f"README.md filter={name}\n")
    change_without_changing_the_size(folder / "README.md")


def change_without_changing_the_size(file):
    """Git reads a file only where its size does not tell that it changed."""
    file.write_text(file.read_text().swapcase())


@pytest.mark.parametrize("key", ["clean", "process"])
@pytest.mark.parametrize("command", [("status", "--porcelain"), ("diff",), ("ls-files", "-m")])
async def test_filters_that_a_working_copy_names_are_not_run(tmp_path, api, trap, key, command):
    await attach_filter(api, key, trap)

    await run_git(api, *command)

    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("command", ["checkout", "add", "commit", "fetch", "submodule"])
async def test_what_could_change_files_is_not_asked(api, command):
    with pytest.raises(GitError, match=f"git {command} could run what the repository names"):
        await run_git(api, command)


async def test_no_filter_is_run_that_is_named_between_two_looks(tmp_path, api, trap, own_git):
    await attach_filter(api, "clean", trap)
    config = (api / ".git/config").read_text()
    (api / ".git/config").write_text("[core]\n")
    (tmp_path / "later").write_text(config)
    real = shutil.which("git")
    # Whoever may write the configuration does so whenever git has just started.
    own_git(f'{real} "$@"; s=$?; cp {tmp_path}/later {api}/.git/config; exit $s')

    await run_git(api, "status")
    await run_git(api, "status")

    assert not (tmp_path / "sprung").exists()


async def test_git_knows_no_more_of_butlers_environment_than_it_needs(api, own_git, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "hush")
    own_git("exec env")

    said = (await run_git(api, "log")).decode()

    names = {line.partition("=")[0] for line in said.splitlines()}
    kept = {"PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "LC_ALL", "PWD", "SHLVL", "_", "OLDPWD"}
    assert not {name for name in names - kept if not name.startswith("GIT_")}


async def test_filters_of_a_submodule_are_not_run(tmp_path, api, trap):
    make_working_copy(tmp_path / "part")
    subprocess.run(
        [
            *("git", "-c", "protocol.file.allow=always"),
            *("submodule", "--quiet", "add", str(tmp_path / "part")),
        ],
        cwd=api,
        check=True,
    )
    await attach_filter(api / "part", "clean", trap)

    for command in ("status", "diff"):
        await run_git(api, command)

    assert not (tmp_path / "sprung").exists()


async def test_what_a_partial_clone_lacks_is_not_fetched(tmp_path, api, trap):
    commit = (await run_git(api, "rev-parse", "HEAD")).decode().strip()
    (api / ".git" / "objects" / commit[:2] / commit[2:]).unlink()
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.url": str(tmp_path),
        "remote.origin.promisor": "true",
        "remote.origin.uploadpack": str(trap),
    }.items():
        await run_git(api, "config", key, value)

    with pytest.raises(GitError):
        await run_git(api, "log", "-1")

    assert not (tmp_path / "sprung").exists()


async def test_the_surroundings_of_butler_do_not_lead_git_elsewhere(tmp_path, api, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))

    assert await run_git(api, "symbolic-ref", "--short", "HEAD") == b"main\n"


async def test_a_caller_may_set_variables_for_git(api):
    said = await run_git(api, "var", "GIT_EDITOR", environment={"GIT_EDITOR": "ed"})

    assert said == b"ed\n"
