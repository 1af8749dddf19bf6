import json
import shutil
import stat

import pytest

from butler.access.pins import StoredPins
from butler.errors import UnusableRepoError
from butler.repos.registry import Repo, RepoRegistry
from butler.testing import make_working_copy


@pytest.fixture
def data_folder(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def api(tmp_path):
    return make_working_copy(tmp_path / "src" / "api")


@pytest.fixture(params=["configured", "found"])
def start(request, api, data_folder):
    """Start Butler: read the repos again."""

    def start():
        pins = StoredPins(data_folder)
        if request.param == "found":
            return RepoRegistry(folders=[api.parent], pins=pins)
        return RepoRegistry([Repo("api", api)], pins=pins)

    return start


def pins_in(data_folder):
    return list((data_folder / "pins").iterdir())


def become_another(api):
    """Let the folder belong to another git folder, which says so, too."""
    other = make_working_copy(api.parent.parent / "other")
    shutil.move(api / ".git", api.parent.parent / "git-before")
    (api / ".git").write_text(f"gitdir: {other}/.git\n")
    with (other / ".git" / "config").open("a") as config:
        config.write(f"[core]\n\tworktree = {api}\n")


def test_a_repo_that_became_another_working_copy_cannot_be_used_after_a_restart(
    start, api, data_folder
):
    start().get("api").check_usable()
    become_another(api)

    with pytest.raises(UnusableRepoError) as refused:
        start().get("api").check_usable()

    [pin] = pins_in(data_folder)
    assert "now belongs to" in str(refused.value)
    assert f"if that is as it should be, remove {pin}." in str(refused.value)


def test_to_remove_the_pin_lets_a_repo_be_another_working_copy(start, api, data_folder):
    repos = start()
    become_another(api)
    [pin] = pins_in(data_folder)

    pin.unlink()

    repos.get("api").check_usable()
    start().get("api").check_usable()


@pytest.mark.parametrize(
    "change",
    [
        lambda said: {**said, "places": said["places"][::-1]},
        lambda said: {**said, "seal": None},
        lambda _said: [],
        lambda said: {"places": said["places"]},
    ],
)
def test_a_pin_that_butler_did_not_write_is_refused(start, data_folder, change):
    start()
    [pin] = pins_in(data_folder)
    pin.write_text(json.dumps(change(json.loads(pin.read_text()))))

    with pytest.raises(UnusableRepoError, match="Butler did not write it"):
        start().get("api").check_usable()


def test_a_pin_of_another_repo_is_refused(tmp_path, start, api, data_folder):
    start()
    [pin] = pins_in(data_folder)
    web = make_working_copy(tmp_path / "web")
    RepoRegistry([Repo("web", web)], pins=StoredPins(data_folder))
    [other] = (each for each in pins_in(data_folder) if each != pin)

    other.replace(pin)

    with pytest.raises(UnusableRepoError, match="Butler did not write it"):
        start().get("api").check_usable()


def test_a_repo_that_is_configured_while_butler_runs_is_held_after_a_restart(api, data_folder):
    repos = RepoRegistry(pins=StoredPins(data_folder))

    repos.follow([Repo("api", api)], [])

    become_another(api)
    with pytest.raises(UnusableRepoError, match="now belongs to"):
        RepoRegistry([Repo("api", api)], pins=StoredPins(data_folder)).get("api").check_usable()


def test_pins_are_private(start, data_folder):
    start()

    [pin] = pins_in(data_folder)
    assert stat.S_IMODE(pin.stat().st_mode) == 0o600
    assert stat.S_IMODE(pin.parent.stat().st_mode) == 0o700


def test_nothing_is_kept_before_there_is_a_data_folder(start, data_folder):
    data_folder.rmdir()
    repos = start()
    assert not data_folder.exists()

    data_folder.mkdir()
    repos.get("api").check_usable()

    assert len(pins_in(data_folder)) == 1


def test_pins_that_cannot_be_kept_stop_nothing(start, data_folder, caplog):
    (data_folder / "pins").write_text("")

    start().get("api").check_usable()

    assert "cannot keep which working copies repos are" in caplog.text
