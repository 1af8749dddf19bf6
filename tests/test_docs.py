"""What the documents say is true."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import butler
from butler.app import read_setup
from butler.cli.parser import make_parser
from butler_process import run_python

pytestmark = pytest.mark.timeout(300)  # it builds and installs a plugin

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = (ROOT / "docs" / "commands.md").read_text()
PAGES = sorted((ROOT / "docs").glob("*.md"))
PLUGIN_GUIDE = (ROOT / "docs" / "writing-a-plugin.md").read_text()


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def write_the_plugin_of_the_guide(folder):
    """Write each file that the guide shows under its name, as it stands there."""
    files = re.findall(
        r"^`([\w./]+)`:\n```\w+\n(.*?)^```", PLUGIN_GUIDE, flags=re.MULTILINE | re.DOTALL
    )
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.fixture(scope="module")
def greet_plugin(tmp_path_factory):
    """The plugin of the guide, and a folder into which it is installed."""
    source, site = tmp_path_factory.mktemp("greet-plugin"), tmp_path_factory.mktemp("site")
    write_the_plugin_of_the_guide(source)
    pip = run_python(
        *("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"),
        *("--disable-pip-version-check", "--target", site, source),
        cwd=source,
    )
    assert pip.returncode == 0, pip.stderr
    return source, site


def test_the_plugin_of_the_guide_passes_the_tests_of_the_guide(greet_plugin):
    source, site = greet_plugin

    result = run_python("-m", "pytest", "-q", source, cwd=source, PYTHONPATH=str(site))

    assert "1 passed" in result.stdout, result.stdout + result.stderr


def test_the_plugin_of_the_guide_answers_as_the_guide_configures_it(greet_plugin, tmp_path):
    _source, site = greet_plugin
    (config,) = [each for each in blocks(PLUGIN_GUIDE, "toml") if "enabled" in each]
    (tmp_path / "config.toml").write_text(f'data_dir = "data"\n{config}')

    result = run_python(
        "-m", "butler", "console", cwd=tmp_path, typed="/greet Anna\n", PYTHONPATH=str(site)
    )

    assert result.stdout == "Moin, Anna!\n\n", result.stderr


def test_the_guide_explains_every_public_name_that_is_no_error():
    explained = {*re.findall(r"\w+", PLUGIN_GUIDE)}

    for name in butler.__all__:
        if not name.endswith("Error") and name not in {
            *("Command", "Message", "Pass", "Person", "Send", "Session"),  # types of the others
            "SECRET_SHAPES",
        }:
            assert name in explained


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """The commands of a Butler that has all it can have, by their names."""
    path = tmp_path_factory.mktemp("all") / "config.toml"
    example = (ROOT / "config.example.toml").read_text()
    table = '[redis]\nurl = "unix:///run/redis.sock"\n'
    path.write_text(example.replace("[redis]\n", table))
    path.chmod(0o600)
    setup = read_setup(path)
    return {name: command for command in setup.router.commands for name in command.names}


def test_the_page_names_every_command_and_no_other(commands):
    table = COMMANDS.split("## In a chat")[1].split("## In a terminal")[0]
    named = set(re.findall(r"/([a-z]+)", re.sub(r"`[^`]*\|", "", table)))

    assert named <= set(commands)
    assert {command.name for command in commands.values()} <= named


def test_the_page_names_every_sub_command():
    table = COMMANDS.split("## In a terminal")[1].split("## JSON lines")[0]
    named = set(re.findall(r"`butler ([a-z]+)", table))
    (actions,) = [each for each in make_parser()._actions if each.choices]

    assert named == set(actions.choices)


def test_the_files_that_the_readme_links_to_are_there():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link


@pytest.fixture
def fresh_checkout(tmp_path):
    """What `make config.toml` leaves in a checkout that has none."""
    for name in ("Makefile", "config.example.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    subprocess.run(
        ["make", "--silent", "config.toml"], cwd=tmp_path, check=True, capture_output=True
    )
    return tmp_path


def test_a_fresh_checkout_answers_as_the_readme_shows(fresh_checkout):
    (transcript,) = re.findall(r"<!-- transcript: begin -->\n```\n(.*?)```", README, re.DOTALL)
    command, *shown = transcript.split("\n")
    typed = re.search(r"printf '(.*?)'", command)[1].replace("\\n", "\n")

    result = run_python(
        *("-m", "butler", "console"),
        cwd=fresh_checkout,
        typed=typed,
        XDG_DATA_HOME=str(fresh_checkout / "data"),
    )

    # Git's ids, times and this machine's folders are others than in the README.
    said = result.stdout.replace(str(fresh_checkout), "/home/anna/butler")
    commit = r"Last commit: \w+ (.*) \(.* ago\)"
    assert re.sub(commit, r"Last commit: \1", said).split("\n")[:-1] == re.sub(
        commit, r"Last commit: \1", "\n".join(shown[2:])
    ).split("\n")


def test_the_first_repo_is_not_butler_itself(fresh_checkout):
    (repo,) = read_setup(fresh_checkout / "config.toml").repos

    assert repo.path == fresh_checkout / ".demo"
    assert (repo.path / ".git").is_dir()


def test_the_shortest_configuration_of_the_first_steps_is_one(tmp_path):
    (config,) = blocks((ROOT / "docs" / "first-steps.md").read_text(), "toml")
    (tmp_path / "config.toml").write_text(config)

    assert read_setup(tmp_path / "config.toml").config.repo_folders


def test_the_page_of_the_configuration_is_made_from_the_models():
    made = run_python(ROOT / "docs" / "make_configuration.py", cwd=ROOT)

    assert made.stdout == (ROOT / "docs" / "configuration.md").read_text(), made.stderr


def test_every_key_of_the_configuration_has_a_meaning():
    rows = re.findall(
        r"^\| `(\w+)` \|.*\| (.*) \|$", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE
    )

    assert len(rows) > 80
    assert [key for key, meaning in rows if not meaning] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_configuration_in_the_documents_can_be_read(page, tmp_path):
    """Tables of plugins that are not installed here, and files of other programs, are left out."""
    for block in blocks(page.read_text(), "toml"):
        config = tomllib.loads(block)
        if not {"project", "build-system"} & config.keys() and "greet" not in block:
            draft = tmp_path / "config.toml"
            draft.write_text(_with_paths(block))
            draft.chmod(0o600)
            read_setup(draft)


def _with_paths(block):
    """Give each repo of an excerpt the path that it needs."""
    return re.sub(r"^(\[repos\.[^]]+\]\n)(?!path)", r'\1path = "."\n', block, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_in_the_documents_is_one(page):
    (actions,) = [each for each in make_parser()._actions if each.choices]
    shown = "".join(blocks(page.read_text(), "(?:sh)?"))
    named = set(re.findall(r"^(?:\.venv/bin/)?butler ([a-z]+)", shown, flags=re.MULTILINE))

    assert named <= set(actions.choices)


def test_every_attack_is_tried_by_the_test_that_is_named():
    text = (ROOT / "docs" / "security.md").read_text()
    named = set(re.findall(r"`(test_[a-z_]+)`", text))
    tests = "".join(each.read_text() for each in (ROOT / "tests").rglob("test_*.py"))

    assert len(named) > 30
    assert named <= set(re.findall(r"def (test_\w+)\(", tests))
