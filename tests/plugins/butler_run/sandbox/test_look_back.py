"""What a run leaves behind, and its user should know of."""

import pytest

from butler.testing import make_working_copy

FORGED = "printf '[core]\\n\\tfsmonitor = touch /tmp/run\\n' >"


@pytest.mark.parametrize(
    ("made", "name"),
    [
        ("mkfifo sub-pipe", "sub-pipe"),
        # The kernel lets anybody make this one device, which no program can open.
        ("mknod whiteout c 0 0", "whiteout"),
        ("mkdir -p a/b; mkfifo a/b/pipe", "a/b/pipe"),
        (
            "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'",
            "sock",
        ),
    ],
)
async def test_a_pipe_or_socket_that_a_run_left_is_named(shell, made, name):
    said = await shell(f"{made}; echo end")

    assert f"The run left {name}, which is no plain file" in said


async def test_what_a_run_left_in_its_outbox_is_named_once_and_not_to_be_removed(shell):
    said = await shell('mkfifo "$BUTLER_OUTBOX/pipe"; git init -q "$BUTLER_OUTBOX/clone"; echo end')

    assert "Not sent: clone is a folder, pipe is not a file." in said
    assert said.count("pipe") == 1
    assert said.count("clone") == 1


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (f"git init -q new; {FORGED} new/.git/config", "new/.git/config"),
        ("mkdir sub; echo gitdir: ../old/.git > sub/.git", "sub/.git"),
        (f"{FORGED} old/.git/config", "old/.git/config"),
        ("echo x > old/.git/hooks/pre-commit", "old/.git/hooks/pre-commit"),
        ("mv old/.git old/x; mkdir other; mv old/x other/.git", "other/.git"),
        (f"git init -q --bare bare; {FORGED} bare/config", "bare/config"),
    ],
)
async def test_a_git_folder_within_the_repo_that_a_run_changed_is_named(shell, api, made, name):
    make_working_copy(api / "old")

    said = await shell(f"{made}; echo end")

    assert "which can make git run commands" in said
    assert name in said


async def test_a_repo_within_the_repo_that_nobody_touched_is_not_named(shell, api):
    make_working_copy(api / "old")

    said = await shell("cat old/.git/config; mkdir src; echo x > src/config; git status; echo end")

    assert "can make git" not in said
    assert "The run left" not in said


async def test_settings_of_agents_that_a_link_led_to_are_named_when_replaced(shell, api):
    (api / "shared").mkdir()
    (api / ".claude").symlink_to("shared")

    said = await shell("rm .claude; mkdir .claude; echo '{}' > .claude/settings.json; echo end")

    assert ".claude, which can make agents run commands" in said
