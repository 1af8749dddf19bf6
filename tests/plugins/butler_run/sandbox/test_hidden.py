"""What an agent cannot see, and what it cannot change."""

import sys
import tempfile
from pathlib import Path

import pytest

from butler.testing import make_working_copy


@pytest.fixture
def of_the_host():
    with tempfile.NamedTemporaryFile(dir="/tmp") as file:
        yield Path(file.name)


async def test_the_repo_can_be_written(shell, api):
    said = await shell("echo made > made.txt && cat made.txt && pwd")

    assert f"made\n{api}" in said
    assert (api / "made.txt").read_text() == "made\n"


async def test_the_rest_of_the_system_cannot(shell, outside):
    said = await shell(f"for each in /usr /etc {outside} /; do touch $each/made; done")

    assert said.count("Read-only file system") == 4
    assert not (outside / "made").exists()


async def test_butlers_data_its_configuration_its_environment_and_other_repos_are_not_there(
    shell, outside, tmp_path
):
    configuration = outside / "data" / "records.sqlite3"

    said = await shell(
        f"ls -A {outside}/data | grep -v '^runs$' | wc -l; ls -A {outside}/other | wc -l; "
        f"ls -A {sys.prefix} | wc -l; cat {configuration}; ls {tmp_path} | wc -l; echo end"
    )

    assert [line for line in said.splitlines() if line.isdigit()] == ["0", "0", "0", "0"]
    assert "secret" not in said


async def test_of_the_runs_only_the_own_inbox_and_outbox_are_there(shell, outside):
    other = outside / "data" / "runs" / "7" / "inbox"
    other.mkdir(parents=True)
    (other / "secret.txt").write_text("secret")

    said = await shell(
        f"ls -A {outside}/data/runs; ls $(dirname $BUTLER_INBOX); touch $BUTLER_INBOX/x; "
        f"cat {other}/secret.txt; touch $BUTLER_OUTBOX/../x; echo end"
    )

    assert said.splitlines()[1:4] == ["1", "inbox", "outbox"]
    assert said.count("Read-only file system") == 2
    assert "No such file" in said


async def test_a_configuration_beside_the_repo_is_empty(outside, shell_with, api, butler_toml):
    configuration = outside / "butler.toml"

    async with shell_with(butler_toml, configuration) as shell:
        said = await shell(f"wc -c {configuration}; echo own > {configuration}; echo end")

    assert f"0 {configuration}" in said
    assert "Read-only file system" in said


async def test_what_is_hidden_is_hidden_in_the_repo_too(outside, shell_with, butler_toml, api):
    inner = make_working_copy(api / "vendor" / "inner")
    toml = butler_toml.replace("[access]", f'repos.inner.path = "{inner}"\n[access]').replace(
        f'data_dir = "{outside}/data"', f'data_dir = "{api}/data"'
    )

    async with shell_with(toml, api / "config.toml") as shell:
        said = await shell("ls -A data | wc -l; ls -A vendor/inner | wc -l; wc -c config.toml")

    assert said.startswith("```\n0\n0\n0 config.toml") or "0\n0\n0 config.toml" in said


async def test_of_the_home_folder_nothing_is_there_but_gits_settings(shell, written, home):
    for name in (".ssh/id_ed25519", ".config/git/credentials", ".netrc", ".claude/settings.json"):
        written(name, "secret")
    written(".gitconfig", "[user]\nname = Anna\n")
    written(".config/git/ignore", "*.tmp\n")

    said = await shell("find $HOME -type f | sort; git config user.name; touch ~/made; ls ~/made")

    assert "secret" not in said
    assert f"{home}/.config/git/ignore\n{home}/.gitconfig\nAnna\n{home}/made" in said
    assert not (home / "made").exists()


async def test_a_repo_around_the_home_folder_is_refused(chat, api, monkeypatch, run):
    (api / "me").mkdir()
    monkeypatch.setenv("HOME", str(api / "me"))
    await chat("/use api")

    assert "contains the home folder" in await run(chat, "ls -a")


async def test_more_of_the_machine_is_there_where_the_configuration_says_so(
    shell_with, butler_toml, outside, tmp_path
):
    for name in ("tools", "cache"):
        (tmp_path / name).mkdir()
    toml = butler_toml.replace(
        'command = ["sh"]',
        f'command = ["sh"]\nreadable = ["{tmp_path}/tools"]\nwritable = ["{tmp_path}/cache"]',
    )

    async with shell_with(toml, outside / "butler.toml") as shell:
        said = await shell(f"touch {tmp_path}/tools/made; touch {tmp_path}/cache/made; echo end")

    assert said.count("Read-only file system") == 1
    assert (tmp_path / "cache" / "made").exists()


async def test_a_program_at_home_is_there_with_its_package_and_nothing_beside(
    shell_with, butler_toml, outside, written, home
):
    agent = written(".npm-global/lib/node_modules/an-agent/agent.sh", "#!/bin/sh\ncat part; $0x\n")
    written(".npm-global/lib/node_modules/an-agent/part", "the other part\n")
    agent.write_text('#!/bin/sh\ncat "$(dirname "$(realpath "$0")")/part"; ls -A ~\n')
    agent.chmod(0o755)
    written(".npm-global/secret")
    (home / "bin").mkdir()
    (home / "bin" / "agent").symlink_to(agent)
    toml = butler_toml.replace('command = ["sh"]', 'command = ["~/bin/agent"]')

    async with shell_with(toml, outside / "butler.toml") as shell:
        said = await shell("go")

    assert "the other part\n.npm-global\nbin" in said


async def test_a_program_in_butlers_environment_cannot_be_an_agent(
    shell_with, butler_toml, outside
):
    toml = butler_toml.replace('command = ["sh"]', f'command = ["{sys.prefix}/bin/butler"]')

    async with shell_with(toml, outside / "butler.toml") as shell:
        said = await shell("go")

    assert "and the sandbox hides that. Install the agent elsewhere." in said


async def test_temporary_files_are_the_runs_own(shell, of_the_host):
    said = await shell("touch /tmp/of-the-run && ls -A /tmp; touch /var/tmp/x && echo both")

    assert "of-the-run" in said
    assert of_the_host.name not in said
    assert "both" in said
    assert not of_the_host.with_name("of-the-run").exists()


async def test_no_socket_of_the_host_and_no_device_is_there(shell):
    said = await shell("find /run -type s | wc -l; ls /dev; touch /dev/made")

    assert "\n0\n" in f"\n{said.removeprefix('```').strip()}"
    assert "mem" not in said.split()
    assert "Read-only file system" in said


async def test_no_process_of_butlers_is_to_be_seen(shell):
    said = await shell("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; cat /proc/1/environ")

    assert "reaper.py" not in said
    assert "-m pytest" not in said
    assert "PYTEST_CURRENT_TEST" not in said


@pytest.mark.parametrize("name", [".claude", ".gemini", ".opencode"])
async def test_what_agents_take_commands_from_cannot_be_changed(shell, api, name):
    (api / name).mkdir()
    (api / name / "settings.json").write_text("{}")

    said = await shell(f"echo own > {name}/settings.json; mv {name} elsewhere; echo end")

    assert "Read-only file system" in said
    assert (api / name / "settings.json").read_text() == "{}"


async def test_codexs_settings_of_the_repo_are_hidden(shell, api):
    (api / ".codex").mkdir()
    (api / ".codex" / "config.toml").write_text("secret")

    said = await shell("ls -A .codex | wc -l; touch .codex/made")

    assert "0" in said.split()
    assert "Read-only file system" in said


async def test_a_link_does_not_keep_codexs_settings_in_sight(shell, api):
    (api / "elsewhere").mkdir()
    (api / "elsewhere" / "config.toml").write_text("secret")
    (api / ".codex").symlink_to("elsewhere")

    assert "secret" not in await shell("cat .codex/config.toml elsewhere/config.toml")


async def test_what_the_run_made_of_it_is_named_at_its_end(shell):
    said = await shell("mkdir .claude && touch .mcp.json && echo done")

    assert "The run created .claude, .mcp.json, which can make agents run commands." in said


async def test_where_bubblewrap_is_missing_no_run_starts(chat, monkeypatch, tmp_path):
    from butler_run.sandbox import probe

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(probe.importlib.util, "find_spec", lambda _: None)
    await chat("/use api")

    [said] = await chat("/run go")

    assert "apt-get install bubblewrap, or set sandbox" in said
    assert (await chat("/runs"))[0].startswith("No runs in this chat yet.")
