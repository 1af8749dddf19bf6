import shutil
import sqlite3
from contextlib import closing

import pytest

from butler import Person, cli
from butler.app import read_setup
from butler.ops.checks import findings, plugin_lines
from butler_process import run_butler, write_config


@pytest.fixture
def found(tmp_path):
    """Check a configuration; return the lines by subject."""

    def found(more=""):
        setup = read_setup(write_config(tmp_path, more))
        return {each.subject: each for each in findings(setup)}

    return found


def test_all_that_the_configuration_names_has_a_line(found, tmp_path):
    lines = found()

    assert [str(each) for each in lines.values()][:3] == [
        f"ok     configuration  {tmp_path}/config.toml",
        f"ok     repo api       {tmp_path}/api",
        f"ok     repo web       {tmp_path}/web",
    ]
    assert lines["data folder"].detail == f"{tmp_path}/data"
    assert lines["sessions"].detail == "0 in the sqlite store"
    assert lines["plugin session"].detail == "/use /repo /repos /clear /sessions"
    assert lines["whatsapp"].detail == "not linked; link with: butler pair"
    assert all(each.is_fine for each in lines.values())


@pytest.mark.parametrize(
    ("more", "subject", "detail"),
    [
        ('[repos.gone]\npath = "gone"', "repo gone", "{}/gone does not exist"),
        ('[repos.file]\npath = "config.toml"', "repo file", "{}/config.toml is not a folder"),
    ],
)
def test_what_cannot_be_used_is_wrong_with_its_reason(found, tmp_path, more, subject, detail):
    line = found(more)[subject]

    assert str(line) == f"WRONG  {subject:<14} {detail.format(tmp_path)}"


def test_a_folder_of_repos_that_is_not_there_is_wrong(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('data_dir = "data"\nrepo_folders = ["nope"]\n')

    lines = {each.subject: each for each in findings(read_setup(config))}

    assert "nope cannot be read" in lines["repo_folders"].detail
    assert str(lines["repos"]) == ("WRONG  repos          none; configure one under [repos.<name>]")


def test_a_data_folder_that_is_a_file_is_wrong(found, tmp_path):
    (tmp_path / "data").touch()

    lines = found()

    for subject in ("data folder", "sessions", "records", "grants"):
        assert str(lines[subject]) == f"WRONG  {subject:<14} {tmp_path}/data is not a folder."
    assert not lines["runs"].is_fine


def test_a_data_folder_of_somebody_else_is_wrong(found, tmp_path, mocker):
    mocker.patch("butler.storage.files.os.access", return_value=False)

    lines = found()

    for subject in ("data folder", "sessions", "records", "grants"):
        assert "Change its owner, or choose another data_dir." in lines[subject].detail


@pytest.mark.parametrize("command", ["check", "status", "why", "audit"])
def test_a_folder_that_may_not_be_looked_into_is_no_traceback(tmp_path, mocker, capsys, command):
    config = write_config(tmp_path)
    mocker.patch(
        "butler.storage.files.Path.exists", side_effect=PermissionError(13, "Permission denied")
    )

    cli.main([command, "--config", str(config)])

    said = capsys.readouterr()
    assert "cannot be read: Permission denied." in said.out + said.err


@pytest.mark.parametrize("file", ["sessions", "records", "grants", "runs"])
def test_a_damaged_file_is_wrong(found, tmp_path, file):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f"{file}.sqlite3").write_bytes(b"no database, but long enough" * 99)

    line = found()[file]

    assert not line.is_fine
    assert f"{file}.sqlite3" in line.detail


def test_credentials_that_cannot_be_read_are_wrong(found, tmp_path):
    (tmp_path / "data" / "whatsapp").mkdir(parents=True)
    (tmp_path / "data" / "whatsapp" / "credentials.sqlite3").write_bytes(b"no database" * 99)

    line = found()["whatsapp"]

    assert not line.is_fine
    assert "credentials.sqlite3 cannot be read" in line.detail


def test_a_linked_account_is_named(found, tmp_path):
    (tmp_path / "data" / "whatsapp").mkdir(parents=True)
    path = tmp_path / "data" / "whatsapp" / "credentials.sqlite3"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE whatsmeow_device (jid TEXT, lid TEXT)")
        db.execute("INSERT INTO whatsmeow_device VALUES ('4915112345678:3@s.whatsapp.net', '')")

    assert found()["whatsapp"].detail == "linked as +4915112345678"


def test_neonize_that_cannot_be_used_is_wrong_with_what_to_install(found, mocker):
    mocker.patch.dict("sys.modules", {"magic": None})

    line = found()["neonize"]

    assert not line.is_fine
    assert "On Debian and Ubuntu: apt install libmagic1." in line.detail


def test_check_ends_with_0_if_all_is_fine_and_2_if_not(tmp_path):
    config = write_config(tmp_path)
    assert run_butler("check", "--config", config).returncode == 0

    config = write_config(tmp_path, '[repos.gone]\npath = "gone"\n')
    ended = run_butler("check", "--config", config)
    assert (ended.stderr, ended.returncode) == ("", 2)


def test_a_secret_that_others_can_read_is_said_with_what_to_type(tmp_path):
    token = "ghp_" + "a" * 36
    config = write_config(
        tmp_path, f'[plugins.run.agents.mine]\ncommand = ["agent", "--key", "{token}"]\n'
    )

    refused = run_butler("check", "--config", config)
    config.chmod(0o600)
    closed = run_butler("check", "--config", config)

    assert refused.returncode == 2
    assert refused.stderr == (
        f"{config}: it holds a secret (line 7), and others can read it. "
        f"Close it to them: chmod 600 {config}\n"
    )
    assert "configuration" in closed.stdout


@pytest.mark.parametrize(
    ("enabled", "line"),
    [
        ('["session"]', "session      /use /repo /repos /clear /sessions"),
        ("[]", 'session      not enabled; add it to "enabled" in [plugins]'),
        ("[]", "help         /help"),
    ],
)
def test_plugins_are_listed_with_their_commands(tmp_path, enabled, line):
    setup = read_setup(write_config(tmp_path, f"[plugins]\nenabled = {enabled}\n"))

    assert line in plugin_lines(setup)


def test_a_grant_that_the_configuration_overrules_is_said(tmp_path):
    config = write_config(
        tmp_path,
        '[access]\nusers = ["+4930111111"]\n[access.rules."few@g.us"]\npeople = ["+4930222222"]\n',
    )
    setup = read_setup(config)
    with setup.grants as grants:
        grants.decide(Person(phone="+4930111111"), is_allowed=False, by="an owner")
        grants.decide(Person(phone="+4930222222"), is_allowed=False, by="an owner")
        grants.decide(Person(phone="+4930333333"), is_allowed=False, by="an owner")
        grants.allow_chat("few@g.us", "an owner")

    lines = [str(each) for each in findings(setup) if each.subject == "grants"]

    assert lines == [
        "ok     grants         4 chats and people allowed or denied from a chat",
        "note   grants         +4930111111 was denied from a chat, "
        "but the configuration overrides that",
        "note   grants         +4930222222 was denied from a chat, "
        "but the configuration overrides that",
        "note   grants         few@g.us was opened from a chat, "
        "but the configuration overrides that",
    ]


def test_a_repo_whose_agent_there_is_not_is_wrong(found):
    line = found('agent = "clade"')["repo web"]

    assert not line.is_fine
    assert line.detail.startswith("unknown agent clade (known: claude, ")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("", "note   agent claude   claude-agent-acp is not installed, so /run cannot use it. "),
        (
            '[plugins.run.agents.claude]\nkind = "claude"\n',
            "WRONG  agent claude   claude is not installed, so /run cannot use it. ",
        ),
        (
            '[plugins.run]\nagent = "shell"\n[plugins.run.agents.shell]\nkind = "command"\n'
            'command = ["sh"]\n',
            "ok     agent shell    /",
        ),
    ],
)
def test_agents_that_are_not_installed_are_said(tmp_path, monkeypatch, more, line):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "sh"):
        (programs / name).symlink_to(shutil.which(name))
    config = write_config(tmp_path, more)
    monkeypatch.setenv("PATH", str(programs))

    (agent,) = [str(each) for each in findings(read_setup(config)) if "agent" in each.subject]

    assert agent.startswith(line)
