import shutil

import pytest

from butler import Repo, UserError
from butler.errors import UnknownRepoError, UnusableRepoError
from butler.repos.registry import RepoRegistry, name_problem
from butler.testing import make_working_copy


def registry(tmp_path, *names):
    return RepoRegistry([Repo(name, tmp_path) for name in names])


def test_names_match_whatever_their_case(tmp_path):
    assert registry(tmp_path, "Api").get("aPI").name == "Api"


@pytest.mark.parametrize(
    ("names", "asked", "sentence"),
    [
        (["api", "web-app"], "web", "Did you mean web-app? /repos lists them."),
        (["api", "web"], "zzz", "No repo called zzz. Known: api, web."),
        ([], "api", "No repo called api. No repos are configured yet."),
        ([f"n{i}" for i in range(9)], "zzz", "No repo called zzz. /repos lists all 9."),
        (["api"], "../../etc", "No repo called ../../etc. Known: api."),
        (["api"], "a\nb\u202e{0}%s", "No repo called a\ufffdb\ufffd{0}%s."),
        (["api"], "x" * 70_000, f"No repo called {'x' * 64}…. Known: api."),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path, names, asked, sentence):
    with pytest.raises(UnknownRepoError) as refused:
        registry(tmp_path, *names).get(asked)

    assert sentence in str(refused.value)


@pytest.mark.parametrize("name", ["api", "web-app", "a.b_c+d", "_x", "Größe", "9lives", "x" * 64])
def test_a_name_is_letters_digits_and_some_signs(name):
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a\tb",
        "a/b",
        "..",
        ".git",
        "-rf",
        "a\0",
        "a%s",
        "{}",
        '"a"',
        "🙂",
        "x" * 65,
        "\u0301e",
    ],
)
def test_other_names_are_refused(name):
    assert name_problem(name)


def test_a_missing_folder_is_a_problem_of_its_repo_only(tmp_path):
    (tmp_path / "file").write_text("")
    repos = RepoRegistry(
        [Repo("gone", tmp_path / "gone"), Repo("file", tmp_path / "file"), Repo("ok", tmp_path)]
    )

    assert repos.problems() == [
        f"The folder of repo file, {tmp_path}/file, is not a folder.",
        f"The folder of repo gone, {tmp_path}/gone, does not exist.",
    ]
    repos.get("ok").check_usable()
    with pytest.raises(UnusableRepoError, match=r"\*gone\* cannot be used: its folder does not"):
        repos.get("gone").check_usable()


def test_a_folder_that_cannot_be_looked_at_is_a_problem(tmp_path):
    assert "cannot be read" in Repo("long", tmp_path / ("x" * 300)).problem()


def test_working_copies_in_a_repo_folder_are_repos(tmp_path):
    make_working_copy(tmp_path / "api")
    make_working_copy(tmp_path / "nested" / "web")
    (tmp_path / "notes").mkdir()

    assert [repo.name for repo in RepoRegistry(folders=[tmp_path])] == ["api"]


def test_a_working_copy_that_came_later_is_found_by_the_next_look(tmp_path):
    repos = RepoRegistry(folders=[tmp_path])
    make_working_copy(tmp_path / "api")

    assert len(repos) == 0
    repos.refresh()
    assert repos.get("api").path == tmp_path / "api"


def test_a_configured_repo_wins_over_one_that_was_found(tmp_path):
    make_working_copy(tmp_path / "src" / "api")
    make_working_copy(tmp_path / "src" / "billing")
    configured = [Repo("API", tmp_path), Repo("money", tmp_path / "src" / "billing")]

    repos = RepoRegistry(configured, [tmp_path / "src"])

    assert [repo.name for repo in repos] == ["API", "money"]
    assert repos.folder_problems == ()
    assert repos.skipped == (
        f"api in {tmp_path}/src is skipped: {tmp_path} has the same name. "
        "Configure it under [repos.<name>].",
    )


def test_what_cannot_be_a_name_is_left_out_and_said(tmp_path):
    make_working_copy(tmp_path / "my app\u202e")

    repos = RepoRegistry(folders=[tmp_path, tmp_path / "gone"])

    assert len(repos) == 0
    assert "my app\ufffd in" in repos.skipped[0]
    assert "gone cannot be read: No such file or directory." in repos.folder_problems[0]
    assert [*repos.folder_problems, *repos.skipped] == repos.problems()


def test_numbers_in_names_are_ordered_as_numbers(tmp_path):
    names = ["repo10", "Repo2", "repo1", "repo02b", "10", "9", "api"]

    repos = RepoRegistry([Repo(name, tmp_path) for name in names])

    assert [repo.name for repo in repos] == [
        "9",
        "10",
        "api",
        "repo1",
        "Repo2",
        "repo02b",
        "repo10",
    ]


def test_a_link_out_of_a_repo_folder_is_no_repo(tmp_path):
    make_working_copy(tmp_path / "elsewhere")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "link").symlink_to(tmp_path / "elsewhere")

    repos = RepoRegistry(folders=[tmp_path / "src"])

    assert len(repos) == 0
    assert "it is a link to outside the folder" in repos.skipped[0]


def test_a_link_to_a_neighbour_does_not_take_its_place(tmp_path):
    make_working_copy(tmp_path / "web")
    (tmp_path / "also").symlink_to(tmp_path / "web")

    repos = RepoRegistry(folders=[tmp_path])

    assert [repo.name for repo in repos] == ["web"]


def test_a_repo_folder_that_is_a_link_itself_is_looked_through(tmp_path):
    make_working_copy(tmp_path / "src" / "web")
    (tmp_path / "link").symlink_to(tmp_path / "src")

    assert [repo.name for repo in RepoRegistry(folders=[tmp_path / "link"])] == ["web"]


def test_links_in_a_circle_are_no_repos(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    assert len(RepoRegistry(folders=[tmp_path])) == 0


def test_an_unknown_repo_is_told_to_the_chat():
    assert issubclass(UnknownRepoError, UserError)


def test_a_repo_is_found_however_its_name_is_composed(tmp_path):
    make_working_copy(tmp_path / "caf\u0065\u0301")
    registry = RepoRegistry(folders=[tmp_path])

    assert registry.get("CAF\u00c9") is registry.get("caf\u0065\u0301")
    assert [repo.name for repo in registry] == ["caf\u00e9"]


def _pointer(api):
    (api / ".git").rename(api.parent / "apart")
    (api / ".git").write_text("gitdir: ../apart\n")
    with (api.parent / "apart" / "config").open("a") as config:
        config.write(f"[core]\n\tworktree = {api}\n")


def _none_of_its_own(api):
    make_working_copy(api.parent / "outer").joinpath(".git").rename(api.parent / ".git")
    shutil.rmtree(api / ".git")


@pytest.mark.parametrize("change", [_pointer, _none_of_its_own])
@pytest.mark.parametrize("is_found", [False, True])
def test_a_repo_that_became_another_working_copy_cannot_be_used(tmp_path, change, is_found):
    api = make_working_copy(tmp_path / "src" / "api")
    repos = RepoRegistry([] if is_found else [Repo("api", api)], [api.parent] if is_found else [])
    repos.get("api").check_usable()

    change(api)

    with pytest.raises(UnusableRepoError, match="now belongs to"):
        repos.get("api").check_usable()
    assert RepoRegistry([Repo("api", api)]).get("api").problem() is None


def test_a_repo_that_became_a_working_copy_can_be_used(tmp_path):
    (tmp_path / "api").mkdir()
    repos = RepoRegistry([Repo("api", tmp_path / "api")])
    shutil.copytree(make_working_copy(tmp_path / "other") / ".git", tmp_path / "api" / ".git")

    repos.get("api").check_usable()
