"""A plugin of somebody else's: built, installed and used as they would."""

import subprocess
import sys
from importlib import invalidate_caches
from pathlib import Path

import pytest

from butler.app import read_setup
from butler.core.loader import installed
from butler.errors import ConfigError

pytestmark = pytest.mark.timeout(300)  # it builds and installs a plugin

SOURCE = Path(__file__).parent / "example_plugin"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder into which the example plugin is installed."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
            *("--no-build-isolation", "--disable-pip-version-check"),
            *("--target", folder, SOURCE),
        ],
        check=True,
        timeout=240,
    )
    return folder


@pytest.fixture(autouse=True)
def _installed(site, monkeypatch):
    monkeypatch.syspath_prepend(site)
    invalidate_caches()
    yield
    sys.modules.pop("example_butler_plugin", None)


@pytest.fixture
def options():
    return ""


@pytest.fixture
def butler_toml(butler_toml, options):
    return f'{butler_toml}\n[plugins]\nenabled = ["session", "echo"]\n[plugins.echo]\n{options}'


def test_its_entry_point_is_found():
    assert installed()["echo"].value == "example_butler_plugin:EchoPlugin"


async def test_its_commands_work_next_to_the_others(chat):
    assert await chat("/echo  two  words ") == ["two  words"]
    assert await chat("/say it") == ["it"]
    assert await chat("/repeat 2 hey") == ["hey hey"]
    assert await chat("/repeat 2") == ["again again"]
    assert await chat("/use api") == ["This chat now works on *api*, on branch main."]


async def test_its_mistakes_are_answered_like_those_of_any_plugin(chat):
    assert await chat("/repeat 4") == ["3 times at the most."]
    assert await chat("/repeat x") == ["x is not a whole number. Usage: /repeat <times> [word]"]
    assert await chat("/echo") == ["Missing: text. Usage: /echo <text…>"]


async def test_it_may_ask_for_a_repo(chat, tmp_path):
    assert await chat("/where API path") == [str(tmp_path / "api")]
    assert await chat("/where nope") == ["No repo called nope. Known: api."]


async def test_its_work_may_outlive_the_turn(chat):
    replies = await chat("/later a b c") or [await chat.next_reply()]

    assert replies == ["3 words"]


async def test_its_help_is_its_docstrings(chat):
    (page,) = await chat("/help where")

    assert page == "*/where <repo> [name|path]*\nSay where a repo is."


@pytest.mark.parametrize("options", ["loud = true\nmost = 5"])
async def test_it_is_configured_in_its_own_section(chat):
    assert await chat("/echo hey") == ["HEY"]
    assert await chat("/repeat 5 a") == ["a a a a a"]


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ("most = 'many'", "plugins.echo.most: expected a whole number, found 'many'"),
        ("lout = true", "plugins.echo.lout: unknown key; did you mean loud?"),
    ],
)
def test_wrong_options_are_mistakes_in_the_configuration(butler_toml, tmp_path, mistake):
    path = tmp_path / "config.toml"
    path.write_text(butler_toml)

    with pytest.raises(ConfigError) as refused:
        read_setup(path)

    assert refused.value.mistakes == (f"{path}: {mistake}",)
