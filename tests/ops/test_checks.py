import os
import shutil

import pytest

from butler import Finding, Person, cli
from butler.app import read_setup
from butler.ops.checks import findings, plugin_lines, summary
from butler.testing import make_working_copy
from butler.transports.whatsapp.gateway import installation
from butler_process import link_account, name_chat, run_butler, write_config


@pytest.fixture
def found(tmp_path):
    """Check a configuration; return the lines by subject."""

    def found(more=""):
        setup = read_setup(write_config(tmp_path, more))
        return {each.subject: each for each in findings(setup)}

    return found


def test_all_that_the_configuration_names_has_a_line(found, tmp_path):
    lines = found()

    assert [str(each) for each in lines.values()][:4] == [
        f"ok     configuration  {tmp_path}/config.toml",
        f"ok     git            {shutil.which('git')}",
        f"ok     repo api       {tmp_path}/api",
        f"ok     repo web       {tmp_path}/web",
    ]
    assert lines["data folder"].detail == f"{tmp_path}/data"
    assert lines["sessions"].detail == "0 in the sqlite store"
    assert lines["plugin session"].detail == "/use /repo /repos /clear /sessions"
    assert lines["whatsapp"].detail == "not linked; link with: butler pair"
    assert {each.subject for each in lines.values() if not each.is_fine} == {
        *("whatsapp", "agent claude")
    }


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

    assert str(lines["data folder"]) == f"WRONG  data folder    {tmp_path}/data is not a folder."
    assert not {"sessions", "records", "grants"} & lines.keys()


def test_a_data_folder_of_somebody_else_is_wrong(found, tmp_path, mocker):
    mocker.patch("butler.storage.files.os.access", return_value=False)

    lines = found()

    assert "Change its owner, or choose another data_dir." in lines["data folder"].detail
    assert not {"sessions", "records", "grants"} & lines.keys()


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
    link_account(tmp_path / "data")

    assert found()["whatsapp"].detail == "linked as +4915112345678"


def test_neonize_that_cannot_be_used_is_wrong_with_what_to_install(found, mocker):
    mocker.patch.object(installation.platform, "machine", return_value="riscv64")

    line = found()["neonize"]

    assert not line.is_fine
    assert "Reinstall it with: pip install --force-reinstall neonize==" in line.detail


FINE = """
[plugins.run]
agent = "shell"
[plugins.run.agents.shell]
kind = "command"
command = ["sh"]
"""


def test_check_ends_with_0_if_all_is_fine_and_2_if_not(tmp_path):
    link_account(tmp_path / "data")
    fine = run_butler("check", "--config", write_config(tmp_path, FINE))
    wrong = run_butler("check", "--config", write_config(tmp_path, f'{FINE}[repos.x]\npath = "x"'))

    assert (fine.stderr, fine.returncode) == ("", 0)
    assert (wrong.stderr, wrong.returncode) == ("", 2)
    assert fine.stdout.splitlines()[-1].startswith("No problems")
    assert wrong.stdout.splitlines()[-1].startswith("1 problem")


@pytest.mark.parametrize(
    ("wrong", "notes", "said"),
    [
        (0, 0, "No problems."),
        (0, 2, "No problems, 2 notes."),
        (1, 0, "1 problem."),
        (2, 1, "2 problems, 1 note."),
    ],
)
def test_the_last_line_counts_problems_and_notes(wrong, notes, said):
    found = [
        Finding(True, "repo api", "fine"),
        *[Finding(False, "repo web", "wrong")] * wrong,
        *[Finding(True, "repo docs", "noted", is_note=True)] * notes,
    ]

    assert summary(found) == said


@pytest.mark.parametrize(
    ("environment", "is_terminal", "is_coloured"),
    [
        ({}, True, True),
        ({"NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({}, False, False),
    ],
)
def test_there_are_colours_where_a_terminal_shows_them(
    tmp_path, mocker, capsys, environment, is_terminal, is_coloured
):
    mocker.patch.dict("os.environ", {"TERM": "xterm", "NO_COLOR": "", **environment})
    config = write_config(tmp_path)
    mocker.patch("sys.stdout.isatty", return_value=is_terminal)

    cli.main(["check", "--config", str(config)])

    assert ("\x1b[1;31mWRONG\x1b[0m  whatsapp" in capsys.readouterr().out) is is_coloured


def test_without_git_that_is_one_problem(found, tmp_path, monkeypatch):
    write_config(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    lines = found()

    assert str(lines["git"]).startswith("WRONG  git            git is not installed")
    assert str(lines["repo api"]).endswith("/api, not tried without git")
    assert lines["repo api"].is_note


@pytest.mark.parametrize("broken", [".git/HEAD", ".git/index"])
def test_a_repo_that_git_cannot_read_is_wrong(found, tmp_path, broken):
    write_config(tmp_path)
    (tmp_path / "api" / broken).write_text("nonsense")

    lines = found()

    assert str(lines["repo api"]).startswith(f"WRONG  repo api       {tmp_path}/api cannot be used")
    assert lines["repo web"].is_fine


def test_a_repo_of_somebody_else_is_wrong_with_what_to_type(found, tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    write_config(tmp_path)
    for each in (tmp_path / "api", tmp_path / "api" / ".git"):
        os.chown(each, 12345, 12345)

    line = found()["repo api"]

    assert not line.is_fine
    assert "git config --global --add safe.directory" in line.detail


def test_a_folder_without_git_is_worth_a_note(found, tmp_path):
    (tmp_path / "plain").mkdir()

    line = found('[repos.plain]\npath = "plain"')["repo plain"]

    assert line.is_note
    assert "is not under git" in line.detail


def test_a_working_copy_that_cannot_be_called_by_its_name_is_worth_a_note(tmp_path):
    make_working_copy(tmp_path / "src" / "my app")
    config = tmp_path / "config.toml"
    config.write_text('data_dir = "data"\nrepo_folders = ["src"]\n')

    (line,) = [each for each in findings(read_setup(config)) if each.subject == "repo_folders"]

    assert line.is_note
    assert line.is_fine
    assert "my app in" in line.detail


@pytest.mark.parametrize(
    ("access", "said"),
    [
        ('owners = ["+49151"]', "owners: +49151 is no one's phone number"),
        ('users = ["+4915112345678901"]', "users: +4915112345678901 is no one's phone number"),
        ('chats = ["team"]', 'chats: "team" is no chat on WhatsApp'),
        ('chats = ["+4915112345678"]', 'chats: "+4915112345678" is no chat on WhatsApp'),
        ('rules."team".people = []', 'rules: "team" is no chat on WhatsApp'),
        ('rules."1203634@g.us".people = ["+49151"]', "rules.1203634@g.us.people: +49151 is"),
    ],
)
def test_what_can_match_nobody_is_wrong(tmp_path, access, said):
    setup = read_setup(write_config(tmp_path, f"[access]\n{access}\n"))

    lines = [each for each in findings(setup) if each.subject == "access"]

    (line,) = [each for each in lines if not each.is_fine]
    assert line.detail.startswith(said)
    nobody = said.split(": ")[1].split()[0].strip('"')
    assert not [each for each in lines if each.is_fine and nobody in each.detail]


@pytest.mark.parametrize(
    "access",
    [
        'owners = ["+4915112345678", "123456789@lid"]\nusers = ["+6834000"]',
        'chats = ["120363405395407771@g.us", "4915112345678-1424960000@g.us", "console"]',
    ],
)
def test_what_can_match_somebody_is_not_wrong(tmp_path, access):
    setup = read_setup(write_config(tmp_path, f"[access]\n{access}\n"))

    assert all(each.is_fine for each in findings(setup) if each.subject == "access")


def test_who_may_do_what_is_said(tmp_path):
    config = write_config(
        tmp_path,
        """
        [access]
        owners = ["+4915112345678"]
        users = ["+4930123456"]
        chats = ["120363405395407771@g.us"]
        [access.rules."120363405395407772@g.us"]
        people = ["+4930123457"]
        commands = { clear = "owner" }
        [access.rules."120363405395407773@g.us"]
        commands = { use = "owner" }
        [plugins]
        enabled = ["session"]
        """,
    )
    name_chat(config, "120363405395407771@g.us", "Team")

    lines = [each.detail for each in findings(read_setup(config)) if each.subject == "access"]

    assert lines == [
        "owners (the linked account, +4915112345678) may use every command",
        "users (+4930123456) may use, in every chat, every command but /allow, /deny, /who, /why",
        "in 120363405395407771@g.us (Team), everybody may use every command but /allow, /deny, "
        "/who, /why",
        "in 120363405395407772@g.us, +4930123457 may use every command but /clear, /allow, "
        "/deny, /who, /why",
    ]


def test_who_was_allowed_from_a_chat_is_said(tmp_path):
    setup = read_setup(write_config(tmp_path))
    with setup.grants as grants:
        grants.decide(Person(phone="+4930111111"), is_allowed=True, by="an owner")
        grants.decide(Person(phone="+4930222222"), is_allowed=False, by="an owner")
        grants.allow_chat("1203634@g.us", "an owner")

    (line,) = [each for each in findings(setup) if each.subject == "grants"]

    assert line.detail == (
        "from chats: allowed everywhere +4930111111; denied +4930222222; "
        "everybody allowed in 1203634@g.us"
    )


def test_a_secret_that_others_can_read_is_said_with_what_to_type(tmp_path):
    token = "ghp_" + "a" * 36
    config = write_config(
        tmp_path, f'[plugins.run.agents.mine]\ncommand = ["agent", "--key", "{token}"]\n'
    )

    number = next(n for n, text in enumerate(config.read_text().splitlines(), 1) if token in text)
    refused = run_butler("check", "--config", config)
    config.chmod(0o600)
    closed = run_butler("check", "--config", config)

    assert refused.returncode == 2
    assert refused.stderr == (
        f"{config}: holds a secret (line {number}) and is readable by others. "
        f"Protect it: chmod 600 {config}\n"
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
        "ok     grants         from chats: denied +4930111111, +4930222222, +4930333333; "
        "everybody allowed in few@g.us",
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


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """The folder of all programs that there are, with git and a shell; the home folder is empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("git", "sh", "env"):
        (folder / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def script(path, first_line):
    path.write_text(f"{first_line}\nexit 0\n")
    path.chmod(0o755)
    return path


def agents(tmp_path, more=""):
    setup = read_setup(write_config(tmp_path, more))
    return [str(each) for each in findings(setup) if "agent" in each.subject]


SHELL = '[plugins.run.agents.shell]\nkind = "command"\ncommand = ["sh"]\n'
SHELL_BY_DEFAULT = f'[plugins.run]\nagent = "shell"\n{SHELL}'


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("", "WRONG  agent claude   claude-agent-acp is not installed, so /run cannot use it. "),
        (
            '[plugins.run.agents.claude]\nkind = "claude"\n',
            "WRONG  agent claude   claude is not installed, so /run cannot use it. ",
        ),
        (SHELL_BY_DEFAULT, "ok     agent shell    /"),
    ],
)
def test_agents_that_are_not_installed_are_said(tmp_path, programs, more, line):
    (agent,) = agents(tmp_path, more)

    assert agent.startswith(line)


def test_an_agent_that_a_chat_might_choose_is_only_noted(tmp_path, programs):
    lines = agents(tmp_path, f'agents = ["shell", "codex"]\n{SHELL_BY_DEFAULT}')

    assert [line[:20] for line in lines if "shell" not in line] == ["note   agent codex  "]


def test_the_default_is_not_missing_where_every_repo_has_another(tmp_path, programs):
    more = f'agent = "shell"\n[repos.api2]\npath = "api"\nagent = "shell"\n{SHELL}'
    config = write_config(tmp_path, more)
    config.write_text(
        config.read_text().replace('"api"\n[repos.web]', '"api"\nagent = "shell"\n[repos.web]')
    )

    lines = [str(each) for each in findings(read_setup(config)) if "agent" in each.subject]

    assert [line[:20] for line in lines] == ["ok     agent shell  "]


@pytest.mark.parametrize(
    ("first_line", "said"),
    [
        ("#!/usr/bin/env node", "needs node, which is not on the PATH that it gets"),
        ("#!/usr/bin/env -S node --harmony", "needs node, which is not on the PATH that it gets"),
        ("#!/usr/bin/nodes", "needs /usr/bin/nodes, which does not start: No such file"),
    ],
)
def test_an_agent_without_its_interpreter_is_wrong(tmp_path, programs, first_line, said):
    script(programs / "claude-agent-acp", first_line)

    (agent,) = agents(tmp_path)

    assert agent.startswith("WRONG")
    assert said in agent


def test_an_agent_that_may_not_be_executed_is_said_with_what_to_type(tmp_path):
    program = tmp_path / "agent.sh"
    program.write_text("#!/bin/sh\n")

    lines = agents(tmp_path, f'[plugins.run.agents.mine]\ncommand = ["{program}"]\n')

    assert any(f"{program} is not executable (chmod +x {program})" in line for line in lines)


def test_an_interpreter_beside_its_agent_is_found(tmp_path, programs):
    node = tmp_path / "node" / "bin"
    node.mkdir(parents=True)
    script(node / "node", "#!/bin/sh")
    script(node / "mine", "#!/usr/bin/env node")

    (agent,) = agents(
        tmp_path,
        f'[plugins.run]\nagent = "mine"\n[plugins.run.agents.mine]\ncommand = ["{node}/mine"]\n',
    )

    assert agent == f"ok     agent mine     {node}/mine"


@pytest.mark.parametrize(
    ("program", "way"),
    [
        ("claude-agent-acp", "Claude is not logged in on this machine: run `claude` there"),
        ("codex-acp", "Codex is not logged in on this machine: run `codex login` there"),
        ("gemini", "Gemini is not logged in on this machine: run `gemini` there"),
    ],
)
def test_an_agent_without_a_login_is_wrong(tmp_path, programs, mocker, program, way):
    mocker.patch("sys.platform", "linux")
    script(programs / program, "#!/bin/sh")

    (agent,) = agents(tmp_path, f'[plugins.run]\nagent = "{program.split("-")[0]}"\n')

    assert agent.startswith("WRONG")
    assert way in agent


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".claude/.credentials.json", "{}"),
        (".claude/settings.json", '{"apiKeyHelper": "pass claude"}'),
        (".claude/settings.json", '{"env": {"CLAUDE_CODE_USE_BEDROCK": "1"}}'),
    ],
)
def test_an_agent_with_a_login_is_fine(tmp_path, programs, file, text):
    script(programs / "claude-agent-acp", "#!/bin/sh")
    (tmp_path / ".claude").mkdir()
    (tmp_path / file).write_text(text)

    assert agents(tmp_path) == [f"ok     agent claude   {programs}/claude-agent-acp"]


@pytest.mark.parametrize(("passed", "word"), [('["ANTHROPIC_API_KEY"]', "ok"), ("[]", "WRONG")])
def test_a_key_counts_where_the_agent_gets_it(tmp_path, programs, monkeypatch, passed, word):
    script(programs / "claude-agent-acp", "#!/bin/sh")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-1")

    (agent,) = agents(tmp_path, f"[plugins.run.agents.claude]\nenv = {passed}\n")

    assert agent.startswith(word)


@pytest.mark.parametrize(
    ("trusted", "said"),
    [("false", "agents do not read them"), ("true", "agents take what they say")],
)
def test_what_a_repo_brings_for_agents_is_a_note(tmp_path, trusted, said):
    path = write_config(tmp_path, f'[repos.odd]\npath = "odd"\ntrusted = {trusted}')
    make_working_copy(tmp_path / "odd")
    (tmp_path / "odd/.claude").mkdir()
    (tmp_path / "odd/.git/hooks/pre-commit").touch(mode=0o755)

    lines = [str(each) for each in findings(read_setup(path)) if each.subject == "repo odd"]

    assert lines[1:] == [
        f"note   repo odd       brings .claude; {said} (trusted = {trusted})",
        "note   repo odd       has hooks, which git runs for everybody who works there: pre-commit",
    ]
