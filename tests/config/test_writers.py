"""A configuration determines which programs run, so only its user may write it."""

import os
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from butler.config.loading import read
from butler.errors import ConfigError

OPEN_TO_OTHERS = (
    "{path} is writable by others, who could use it to run commands as you. "
    "Protect it: chmod go-w {path}"
)


@pytest.mark.parametrize("mode", [0o602, 0o622, 0o666])
def test_a_configuration_that_everybody_can_write_is_refused(tmp_path, mode):
    path = tmp_path / "config.toml"
    path.write_text("")
    path.chmod(mode)

    with pytest.raises(ConfigError) as refused:
        read(path)
    assert str(refused.value) == OPEN_TO_OTHERS.format(path=path)


@pytest.mark.parametrize(
    ("own_group", "members", "others_group", "is_refused"),
    [
        (1000, [], 100, False),
        (1000, ["anna"], 100, False),
        (1000, ["anna", "bob"], 100, True),
        (1000, [], 1000, True),
        (100, [], 100, True),
    ],
    ids=["own", "own and named", "a member", "somebody's first group", "not the first group"],
)
def test_a_configuration_that_a_group_can_write_is_refused_unless_it_is_the_users_own(
    tmp_path, mocker, own_group, members, others_group, is_refused
):
    path = tmp_path / "config.toml"
    path.write_text("")
    path.chmod(0o660)
    anna = SimpleNamespace(pw_name="anna", pw_gid=own_group)
    bob = SimpleNamespace(pw_name="bob", pw_gid=others_group)
    found = path.stat()
    mocker.patch("butler.config.loading.pwd.getpwuid", return_value=anna)
    mocker.patch("butler.config.loading.pwd.getpwall", return_value=[anna, bob])
    mocker.patch("butler.config.loading.grp.getgrgid", return_value=SimpleNamespace(gr_mem=members))
    stat_of_1000 = os.stat_result([*found[:5], 1000, *found[6:]])
    mocker.patch("butler.config.loading.os.fstat", return_value=stat_of_1000)

    with pytest.raises(ConfigError) if is_refused else nullcontext():
        read(path)


def test_a_group_that_nobody_knows_may_not_write_the_configuration(tmp_path, mocker):
    path = tmp_path / "config.toml"
    path.write_text("")
    path.chmod(0o660)
    mocker.patch("butler.config.loading.grp.getgrgid", side_effect=KeyError)

    with pytest.raises(ConfigError, match="is writable by others"):
        read(path)


def test_the_configuration_of_another_user_has_to_be_named(tmp_path, monkeypatch, mocker):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text("")
    found = Path("config.toml").stat()
    of_another = os.stat_result([*found[:4], 4_242, *found[5:]])
    mocker.patch.object(Path, "stat", return_value=of_another)

    with pytest.raises(ConfigError) as refused:
        read()
    assert str(refused.value) == (
        "./config.toml belongs to another user, who could use it to run commands as you. "
        "To use it all the same: --config config.toml"
    )
    assert read(tmp_path / "config.toml")


@pytest.mark.parametrize(("mode", "is_refused"), [(0o777, True), (0o1777, False), (0o755, False)])
def test_a_configuration_that_others_can_replace_is_refused(tmp_path, mode, is_refused):
    folder = tmp_path / "of all"
    folder.mkdir()
    (folder / "config.toml").write_text("")
    (tmp_path / "link.toml").symlink_to(folder / "config.toml")
    folder.chmod(mode)

    for path in (folder / "config.toml", tmp_path / "link.toml"):
        with pytest.raises(ConfigError) if is_refused else nullcontext() as refused:
            read(path)
        assert not is_refused or str(refused.value) == (
            f"{path} is replaceable by others, who could use it to run commands as you. "
            f"Protect its folder: chmod go-w '{folder}'"
        )
