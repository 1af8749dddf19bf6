import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from butler.app import read_setup
from butler.config import loading, template
from butler.config.loading import Draft
from butler.config.schema import Config
from butler.config.template import Named, Proposal, text
from butler.errors import ConfigError
from butler.repos.registry import name_problem
from butler.testing import make_working_copy
from butler_run.settings import RepoRunSettings, RunSettings

TEMPLATE = Path(template.__file__).with_name("template.toml")
EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def keys_of(model, place=""):
    """Return the keys of a model and of the models in it, each as it stands in a file."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys_of(kind, f"{place}{name}.")
        else:
            yield f"{place}{name}"


def uncommented(content):
    """Return the file with every line that shows a key put into force."""
    return re.sub(r"^# (?=\w+ = |\[)", "", content, flags=re.MULTILINE)


def write(path=None):
    return Proposal.of(path).write()


def test_the_example_in_the_checkout_is_what_init_writes():
    assert EXAMPLE.read_text() == text([Named("demo", ".demo", "A few files to try Butler on")])


def test_two_repos_and_no_repo_leave_the_rest_of_the_template_as_it_is(tmp_path):
    access = TEMPLATE.read_text().split("\n[access]\n")[1]
    repos = [Named("api", "~/api"), Named("web", "~/web", "The shop")]

    for content in (text([]), text(repos)):
        assert content.endswith(f"\n[access]\n{access}")
        assert '[repos."<name>"]' not in content
        assert "\n\n\n" not in content
    assert tomllib.loads(text(repos))["repos"] == {
        "api": {"path": "~/api"},
        "web": {"path": "~/web", "description": "The shop"},
    }
    assert tomllib.loads(text([])).get("repos", {}) == {}


def test_no_repo_can_have_the_name_of_the_one_in_the_template():
    (name,) = tomllib.loads(TEMPLATE.read_text())["repos"]

    assert name_problem(name)


def test_the_example_is_loaded_as_it_is():
    setup = read_setup(EXAMPLE)

    assert [(repo.name, repo.path) for repo in setup.repos] == [("demo", EXAMPLE.parent / ".demo")]


@pytest.fixture
def in_force(tmp_path):
    """The example with every line in force, readable by nobody else, as it shows secrets."""
    path = tmp_path / "config.toml"
    path.touch(0o600)
    path.write_text(uncommented(EXAMPLE.read_text()))
    return path


def test_the_example_with_every_line_in_force_is_loaded_too(in_force):
    setup = read_setup(in_force)

    assert setup.config.repo_folders == ()
    assert setup.config.access.chats == ("120363405395407771@g.us",)
    assert set(setup.plugins) == {"help", "access", "machines", "session", "run"}


@pytest.mark.parametrize("key", list(keys_of(Config)))
def test_the_example_shows_every_key(key):
    shown = tomllib.loads(uncommented(EXAMPLE.read_text()))
    for part in key.split("."):
        assert part in shown
        shown = shown[part]


@pytest.mark.parametrize("key", [*keys_of(RunSettings), *keys_of(RepoRunSettings)])
def test_the_example_shows_every_key_of_runs(key):
    assert f"# {key} = " in EXAMPLE.read_text() or f"[plugins.run.{key}." in EXAMPLE.read_text()


def test_what_the_example_shows_as_a_default_is_the_default(in_force):
    defaults = Config().model_dump()
    shown = Draft(in_force).finish().model_dump()

    assert shown["log"].pop("file") is not None  # an example
    del defaults["log"]["file"]
    for section in ("limits", "sessions", "whatsapp", "log", "prefix", "data_dir"):
        assert shown[section] == defaults[section]
    assert shown["plugins"]["enabled"] == defaults["plugins"]["enabled"]


def test_names_and_paths_are_quoted(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(text([Named("größe", 'a"b\\c\x7f', 'x "y"')], ['~/s"rc']))

    config = Draft(path).finish()

    assert config.repos["größe"].path == tmp_path / 'a"b\\c\x7f'
    assert config.repos["größe"].description == 'x "y"'
    assert config.repo_folders == (Path.home() / 's"rc',)


def test_init_in_a_working_copy_names_it(tmp_path):
    folder = make_working_copy(tmp_path / "api")

    said = write(folder / "config.toml")

    assert said == f"Wrote {folder}/config.toml. Repos: api. Next: butler check"
    assert [repo.name for repo in read_setup(folder / "config.toml").repos] == ["api"]


@pytest.mark.parametrize("inside", [".", "part/of/it"])
def test_init_in_a_working_copy_writes_where_nothing_is_committed(tmp_path, monkeypatch, inside):
    folder = make_working_copy(tmp_path / "api")
    (folder / inside).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(folder / inside)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))

    said = write()

    path = loading.users_file()
    assert said == f"Wrote {path}. Repos: api. Next: butler check"
    assert not list(folder.rglob("config.toml"))
    assert loading.find() == path
    assert [repo.path for repo in read_setup(path).repos] == [folder]


def test_init_makes_the_folder_of_its_file(tmp_path):
    path = tmp_path / "not" / "there" / "config.toml"

    write(path)

    assert read_setup(path).path == path


def test_init_next_to_working_copies_names_their_folder(tmp_path):
    make_working_copy(tmp_path / "api")
    make_working_copy(tmp_path / "web")

    said = write(tmp_path / "config.toml")

    assert "Repos: those in this folder. Next" in said
    assert [repo.name for repo in read_setup(tmp_path / "config.toml").repos] == ["api", "web"]


def test_init_names_the_usual_folders_of_the_home(tmp_path):
    make_working_copy(Path.home() / "src" / "api")

    said = write(tmp_path / "config.toml")

    assert said == f"Wrote {tmp_path}/config.toml. Repos: ~/src. Next: butler check"


@pytest.mark.parametrize("name", ["my app", "a.b", "größe"])
def test_init_in_a_working_copy_of_any_name_writes_what_can_be_read(tmp_path, name):
    folder = make_working_copy(tmp_path / "above" / name)

    write(folder / "config.toml")

    Draft(folder / "config.toml").finish()


def test_init_without_any_working_copy_says_so(tmp_path):
    said = write(tmp_path / "config.toml")

    content = (tmp_path / "config.toml").read_text()
    assert "Repos: none yet, so add some to it; it has an example." in said
    assert '# [repos.api]\n# The folder of a git working copy.\n# path = "~/src/api"\n' in content
    uncommented_example = uncommented(content.partition("\n[access]\n")[0])
    assert tomllib.loads(uncommented_example)["repos"]["api"]["path"] == "~/src/api"


def test_init_writes_a_file_that_nobody_else_can_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write()

    assert (tmp_path / "config.toml").stat().st_mode & 0o777 == 0o600


def test_init_leaves_a_file_as_it_is(tmp_path):
    (tmp_path / "config.toml").write_text("mine")

    with pytest.raises(ConfigError, match="already exists and was not changed"):
        write(tmp_path / "config.toml")

    assert (tmp_path / "config.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("file", r"file is not a folder\."),
        ("file/below", r"file/below cannot be made: Not a directory\."),
        ("x" * 300, r"cannot be made: File name too long\."),
    ],
)
def test_init_where_nothing_can_be_written_says_so(tmp_path, folder, said):
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=said):
        write(tmp_path / folder / "config.toml")
