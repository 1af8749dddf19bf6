"""Which agent is chosen, and what it gets to know."""

import json
import shutil

import pytest
from pydantic import ValidationError

from butler import Repo, UserError
from butler_run.agents import Mode
from butler_run.catalog import Catalog
from butler_run.settings import AgentSettings, RepoRunSettings, RunSettings


@pytest.fixture
def choose(tmp_path):
    def chosen(name, configured, wanted=None, **of_repo):
        settings = RunSettings(agent=name, agents={name: configured})
        repo = Repo("api", tmp_path, options={"run": RepoRunSettings(**of_repo)})
        return Catalog(settings).choose(repo, wanted)

    return chosen


@pytest.mark.parametrize(("mode", "edit"), [("ask", "ask"), ("edits", "allow"), ("plan", "ask")])
def test_opencode_is_told_by_its_environment_what_to_ask(choose, mode, edit):
    choice = choose("opencode", AgentSettings(mode=Mode(mode)))

    rules = json.loads(choice.environment["OPENCODE_PERMISSION"])
    assert (rules["edit"], rules["bash"]) == (edit, "ask")


def test_opencode_is_left_alone_where_bypass_is_written(choose):
    choice = choose("opencode", AgentSettings(mode=Mode.BYPASS))

    assert "OPENCODE_PERMISSION" not in choice.environment


def test_the_mode_of_a_repo_decides_what_opencode_is_told(choose):
    choice = choose("opencode", AgentSettings(mode=Mode.BYPASS), mode=Mode.ASK)

    assert "OPENCODE_PERMISSION" in choice.environment


def test_what_is_passed_by_configuration_counts_more(choose, monkeypatch):
    monkeypatch.setenv("OPENCODE_PERMISSION", "mine")

    choice = choose("opencode", AgentSettings(env=("OPENCODE_PERMISSION",)))

    assert choice.environment["OPENCODE_PERMISSION"] == "mine"


@pytest.mark.parametrize("kind", ["claude", "command"])
def test_only_what_speaks_the_protocol_is_a_preset(choose, kind):
    choice = choose("opencode", AgentSettings(kind=kind, command=("opencode", "run")))

    assert "OPENCODE_PERMISSION" not in choice.environment


def test_no_agent_acts_without_asking_by_default(choose):
    assert {
        choose(name, AgentSettings()).wishes.mode for name in ("claude", "codex", "gemini")
    } == {Mode.ASK}


@pytest.mark.parametrize(("is_trusted", "passed"), [(False, "1"), (True, None)])
def test_opencode_reads_what_a_repo_brings_only_where_it_is_trusted(tmp_path, is_trusted, passed):
    repo = Repo("api", tmp_path, is_trusted=is_trusted)

    choice = Catalog(RunSettings(agent="opencode")).choose(repo, None)

    assert choice.environment.get("OPENCODE_DISABLE_PROJECT_CONFIG") == passed


def test_a_repo_that_names_an_agent_there_is_not_says_so(choose):
    with pytest.raises(UserError, match="No agent called nope"):
        choose("claude", AgentSettings(), agent="nope")


@pytest.mark.parametrize(("wanted", "name"), [(None, "gemini"), ("codex", "codex")])
def test_the_choice_of_the_chat_comes_before_that_of_the_repo(choose, wanted, name):
    assert choose("claude", AgentSettings(), wanted, agent="gemini").name == name


@pytest.mark.parametrize(
    ("program", "found"),
    [("~/agent", "{home}/agent"), ("tools/agent", "tools/agent in each repo"), ("sh", "{sh}")],
)
def test_a_program_is_found_at_home_in_the_repo_or_on_the_path(
    tmp_path, monkeypatch, program, found
):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "agent").touch(mode=0o700)
    configured = AgentSettings(kind="command", command=(program,))
    catalog = Catalog(RunSettings(agent="mine", agents={"mine": configured}))

    (finding,) = catalog.findings(())
    assert finding.is_fine
    assert finding.detail == found.format(home=tmp_path, sh=shutil.which("sh"))
    assert catalog.problem("mine") == ""


@pytest.mark.parametrize(
    ("of_agent", "of_repo", "mode"),
    [
        (None, None, "ask"),
        ("bypass", None, "bypass"),
        ("bypass", "plan", "plan"),
        ("bypass", "edits", "edits"),
        ("plan", "edits", "plan"),
        ("ask", "bypass", "ask"),
        (None, "edits", "edits"),
        (None, "plan", "plan"),
    ],
)
def test_the_mode_of_a_repo_is_a_ceiling(choose, of_agent, of_repo, mode):
    configured = AgentSettings(mode=of_agent and Mode(of_agent))

    assert choose("claude", configured, mode=of_repo and Mode(of_repo)).wishes.mode == mode


@pytest.mark.parametrize("mode", ["plan", "ask", "edits"])
def test_a_program_asks_nobody_so_it_may_not_work_under_a_ceiling(choose, mode):
    tests = AgentSettings(kind="command", command=("make",))

    with pytest.raises(UserError, match=r"tests may not work in .*: it is a program"):
        choose("tests", tests, mode=Mode(mode))
    assert choose("tests", tests, mode=Mode.BYPASS).wishes.mode is Mode.BYPASS
    assert choose("tests", tests).wishes.mode is Mode.BYPASS


def test_only_the_agents_that_a_repo_names_work_in_it(choose):
    with pytest.raises(
        UserError, match=r"codex may not work in \*api\*. Agents that may: gemini\."
    ):
        choose("claude", AgentSettings(), "codex", agents=("gemini",))
    assert choose("claude", AgentSettings(), agents=("gemini",)).name == "gemini"
    assert choose("claude", AgentSettings(), agents=("gemini", "claude")).name == "claude"


def test_a_check_names_what_keeps_the_agent_of_a_repo_from_its_work(tmp_path):
    tests = AgentSettings(kind="command", command=("make",))
    catalog = Catalog(RunSettings(agent="tests", agents={"tests": tests}))
    of_repo = RepoRunSettings(mode=Mode.PLAN, agents=("tests", "nope"))

    findings = catalog.findings([Repo("api", tmp_path, options={"run": of_repo})])

    wrong = [finding.detail for finding in findings if not finding.is_fine]
    assert wrong[0].startswith("unknown agent nope (known: ")
    assert wrong[1].startswith("tests may not work in *api*: it is a program")


@pytest.mark.parametrize("written", ["Grüner", "grüner", "GRÜNER", "gru\u0308ner"])
def test_the_name_of_an_agent_is_the_same_however_it_is_typed(choose, written):
    configured = AgentSettings(command=("sh",))

    assert choose("Grüner", configured, written).name == "Grüner"
    assert choose("Grüner", configured, agent=written).name == "Grüner"
    assert choose("Grüner", configured, agents=(written,)).name == "Grüner"
    assert choose("Grüner", configured, written, agents=("GRÜNER",)).name == "Grüner"


def test_a_preset_is_configured_in_any_case():
    settings = RunSettings(agent="CLAUDE", agents={"Claude": {"kind": "claude"}})

    assert settings.agent_names == ("claude", "codex", "gemini", "opencode")
    assert settings.agents["claude"].kind == "claude"


@pytest.mark.parametrize("names", [("Claude", "claude"), ("My", "my"), ("\u00fc", "u\u0308")])
def test_two_agents_of_one_name_are_refused(names):
    agents = {name: {"command": ["sh"]} for name in names}

    with pytest.raises(ValidationError, match="have the same name"):
        RunSettings(agents=agents)


def test_check_names_an_agent_once_whatever_its_case(tmp_path):
    settings = RunSettings(agent="Sh", agents={"sh": {"kind": "command", "command": ["sh"]}})
    repo = Repo("api", tmp_path, options={"run": RepoRunSettings(agent="SH", agents=("sH",))})

    found = Catalog(settings).findings([repo])

    assert [(each.subject, each.is_fine) for each in found] == [("agent sh", True)]
