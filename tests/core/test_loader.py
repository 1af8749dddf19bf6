import sys
from importlib.metadata import EntryPoint

import pytest

from butler import PASS, PluginError, listener
from butler.builtin.help import HelpPlugin
from butler.core.loader import GROUP, installed, load, make
from butler.core.plugin import Plugin, Settings


def entries(**values):
    return {name: EntryPoint(name, value, GROUP) for name, value in values.items()}


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module that a plugin could be in; return its name."""

    def write(source):
        (tmp_path / "some_plugin.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "some_plugin", raising=False)
        return "some_plugin"

    return write


def test_the_session_plugin_is_installed_like_any_other():
    assert installed()["session"].value == "butler_session:SessionPlugin"


def test_a_plugin_is_the_class_that_its_entry_point_names():
    assert load("help", entries(help="butler.builtin.help:HelpPlugin")) is HelpPlugin


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({"session": "a:B"}, "plugin 'sesion' is not installed (did you mean 'session'?)."),
        ({"x": "a:B", "y": "a:B"}, "plugin 'sesion' is not installed (installed: x, y)."),
        ({}, "plugin 'sesion' is not installed (installed: none)."),
    ],
)
def test_a_plugin_that_is_not_installed_comes_with_the_nearest(known, sentence):
    with pytest.raises(PluginError) as refused:
        load("sesion", entries(**known))

    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("import nope", "cannot be loaded: ModuleNotFoundError: No module named 'nope'"),
        ("def", "cannot be loaded: SyntaxError: invalid syntax (some_plugin.py, line 1)"),
        ("raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
        ("", "cannot be loaded: AttributeError: module 'some_plugin' has no attribute 'It'"),
        ("It = 3", "some_plugin:It is not a subclass of Plugin."),
        ("class It: pass", "some_plugin:It is not a subclass of Plugin."),
    ],
)
def test_a_plugin_that_is_broken_stops_the_start_with_one_sentence(module, source, sentence):
    with pytest.raises(PluginError) as refused:
        load("it", entries(it=f"{module(source)}:It"))

    assert str(refused.value).startswith("plugin 'it'")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_two_distributions_with_one_name_are_refused(mocker):
    both = [EntryPoint("it", value, GROUP) for value in ("a:It", "b:It")]
    mocker.patch("butler.core.loader.entry_points", return_value=both)

    with pytest.raises(PluginError, match=r"plugin 'it' is installed twice: a:It and b:It\."):
        installed()


def test_a_distribution_that_is_found_twice_is_one(mocker):
    mocker.patch(
        "butler.core.loader.entry_points", return_value=[EntryPoint("it", "a:It", GROUP)] * 2
    )

    assert list(installed()) == ["it"]


class Picky(Plugin):
    def __init__(self, settings):
        raise ValueError("there is no moon tonight")


def test_a_plugin_that_does_not_start_says_why():
    with pytest.raises(PluginError, match="plugin 'picky' does not start: there is no moon"):
        make("picky", Picky, Settings())


class HardOfHearing(Plugin):
    @listener
    def hear(self, ctx):
        return PASS


def test_a_plugin_with_a_wrong_listener_is_refused_when_it_is_made():
    with pytest.raises(PluginError, match="a listener must be defined with 'async def'"):
        make("deaf", HardOfHearing, Settings())
