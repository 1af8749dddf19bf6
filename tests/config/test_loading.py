import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, PositiveInt, field_validator, model_validator

from butler.app import read_setup
from butler.chat.message import Person
from butler.config.loading import MAX_FILE_BYTES, Draft, find
from butler.config.schema import Config
from butler.config.secrets import Secret
from butler.core.plugin import Settings
from butler.errors import ConfigError


@pytest.fixture
def read(tmp_path):
    """Read a configuration as `read_setup` does, without plugins."""

    def read(text):
        path = tmp_path / "butler.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        draft = Draft(path)
        draft.check_plugin_names(["session", "echo"])
        draft.check_repo_keys()
        return draft.finish()

    return read


@pytest.fixture
def mistakes(read, tmp_path):
    """Return the sentences about a wrong configuration, without the file they all begin with."""

    def mistakes(text):
        with pytest.raises(ConfigError) as refused:
            read(text)
        return [each.removeprefix(f"{tmp_path}/butler.toml: ") for each in refused.value.mistakes]

    return mistakes


def test_an_empty_file_is_a_configuration(read):
    config = read("")

    assert (config.prefix, config.plugins.enabled, config.repos) == ("/", ("session", "run"), {})
    assert config.data_dir == Path.home() / ".local/share/butler"


def test_each_mistake_says_file_and_key(read, tmp_path):
    with pytest.raises(ConfigError) as refused:
        read("prefx = '!'\nrepo_folders = 3")

    assert str(refused.value).splitlines() == [
        f"{tmp_path}/butler.toml: repo_folders: expected a list in brackets, found 3",
        f"{tmp_path}/butler.toml: prefx: unknown key; did you mean prefix?",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("acces = {}", "acces: unknown key; did you mean access?"),
        (
            "zzz = 1",
            "zzz: unknown key; known here: access, data_dir, limits, log, machine, media,",
        ),
        ("[access]\nowner = []", "access.owner: unknown key; did you mean owners?"),
        ("[sessions]\nstor = 'x'", "sessions.stor: unknown key; did you mean store?"),
        ("[log]\nx = 1", "log.x: unknown key; known here: file"),
        (
            "[repos.api]\npath = '.'\ndescripton = ''",
            "repos.api.descripton: unknown key; did you mean description?",
        ),
        (
            '[access.rules."a@g.us"]\nneed = "user"',
            "access.rules.a@g.us.need: unknown key; did you mean needs?",
        ),
        ("[plugins.sesion]", "plugins.sesion: unknown key; did you mean session?"),
        ("[plugins]\nenable = []", "plugins.enable: unknown key; did you mean enabled?"),
        ("[plugins.zzz]", "plugins.zzz: unknown key; known here: echo, enabled, session"),
    ],
)
def test_an_unknown_key_comes_with_the_nearest_one(mistakes, text, sentence):
    (mistake,) = mistakes(text)

    assert mistake.startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prefix = 1", "prefix: expected a text in quotes, found 1"),
        (
            "prefix = 'ab'",
            'prefix: expected one to three punctuation marks such as "/" or "!", found \'ab\'',
        ),
        ("data_dir = 1", "data_dir: expected a path, found 1"),
        ("data_dir = ''", "data_dir: expected a path, found ''"),
        ('data_dir = "a\\u0000"', "data_dir: expected a path, found 'a\\x00'"),
        ("repo_folders = 'src'", "repo_folders: expected a list in brackets, found 'src'"),
        ("repo_folders = [1]", "repo_folders.0: expected a path, found 1"),
        ("repos = 1", "repos: expected a table, found 1"),
        ("repos.api = 1", "repos.api: expected a table, found 1"),
        ("[repos.api]", "repos.api.path: is missing"),
        ("access = []", "access: expected a table, found []"),
        (
            "access.owners = ['me']",
            (
                'access.owners.0: expected a phone number such as "+4915112345678", '
                "or a LID (\"…@lid\"), found 'me'"
            ),
        ),
        (
            "access.users = ['0151 12345678']",
            (
                "access.users.0: expected a phone number with its country code, such as "
                "\"+4915112345678\", found '0151 12345678'"
            ),
        ),
        (
            "access.owners = [49]",
            (
                'access.owners.0: expected a phone number such as "+4915112345678", '
                'or a LID ("…@lid"), found 49'
            ),
        ),
        (
            "access.chats = ['a b']",
            "access.chats.0: expected a chat's id such as \"120363405395407771@g.us\", found 'a b'",
        ),
        (
            "access.commands.use = 'admin'",
            'access.commands.use: expected "user" or "owner", found \'admin\'',
        ),
        (
            "sessions.store = 'postgres'",
            "sessions.store: expected 'sqlite', 'redis' or 'memory', found 'postgres'",
        ),
        (
            "sessions.expire_after = '0d'",
            (
                'sessions.expire_after: expected a time such as "30s", "15m", "12h" or "30d", '
                "or \"never\", found '0d'"
            ),
        ),
        (
            "sessions.expire_after = 30",
            (
                'sessions.expire_after: expected a time such as "30s", "15m", "12h" or "30d", '
                'or "never", found 30'
            ),
        ),
        (
            "sessions.synchronous = 'OFF'",
            "sessions.synchronous: expected 'NORMAL' or 'FULL', found 'OFF'",
        ),
        (
            "whatsapp.device_name = ''",
            "whatsapp.device_name: expected a text of length 1 or more, found ''",
        ),
        ("plugins = 1", "plugins: expected a table, found 1"),
        ("plugins.enabled = 'run'", "plugins.enabled: expected a list in brackets, found 'run'"),
        (
            "plugins.enabled = ['session', 'session']",
            "plugins.enabled: 'session' is listed more than once",
        ),
        ("limits.person_burst = 0", "limits.person_burst: expected at least 1, found 0"),
        ("limits.person_burst = 1.5", "limits.person_burst: expected a whole number, found 1.5"),
        (
            "log.level = 'trace'",
            "log.level: expected 'debug', 'info', 'warning' or 'error', found 'trace'",
        ),
    ],
)
def test_a_wrong_value_comes_with_what_was_expected(mistakes, text, sentence):
    assert mistakes(text) == [sentence]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "access.commands.claer = 'owner'",
            "access.commands.claer: no enabled plugin has such a command; did you mean clear?",
        ),
        (
            "access.commands.select = 'owner'",
            "access.commands.select: is an alias of use; use that",
        ),
        (
            "access.rules.'a@g.us'.commands.reset = 'owner'",
            "access.rules.a@g.us.commands.reset: is an alias of clear; use that",
        ),
        (
            "access.commands.x = 'owner'\nplugins.enabled = []",
            (
                "access.commands.x: no enabled plugin has such a command; "
                "known here: allow, deny, help, machines, who, why"
            ),
        ),
    ],
)
def test_a_rule_for_a_command_that_there_is_not_is_a_mistake(tmp_path, text, sentence):
    path = tmp_path / "butler.toml"
    path.write_text(text)

    with pytest.raises(ConfigError) as refused:
        read_setup(path)

    assert refused.value.mistakes == (f"{path}: {sentence}",)


def test_rules_for_the_commands_of_a_plugin_that_is_missing_are_no_further_mistake(tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text("plugins.enabled = ['nope']\naccess.commands.nope = 'owner'")

    with pytest.raises(ConfigError) as refused:
        read_setup(path)

    assert len(refused.value.mistakes) == 1


def test_a_long_or_unprintable_value_is_shown_short_and_safe(mistakes):
    (mistake,) = mistakes(f'prefix = "\\u001b[31m\\u202e{"x" * 9999}"')

    assert len(mistake) < 200
    assert mistake.isprintable()


@pytest.mark.parametrize(
    ("names", "sentences"),
    [
        (("api", "API"), ["repos.API: differs from api only in case"]),
        (("straße", "STRASSE"), ["repos.STRASSE: differs from straße only in case"]),
        (("a b",), ["repos.a b: is not a valid repo name: a name is letters, digits and . _ + -"]),
        (("a\\u001b",), ["repos.a\ufffd: is not a valid repo name: a name is letters,"]),
        (("",), ["repos.: is not a valid repo name: it is empty"]),
        (("x" * 65,), [f"repos.{'x' * 64}…: is not a valid repo name: it is longer than 64"]),
        (("a b", "c d"), ["repos.a b: is not a valid", "repos.c d: is not a valid"]),
    ],
)
def test_a_repo_name_that_cannot_be_typed_or_told_apart_is_a_mistake(mistakes, names, sentences):
    found = mistakes("".join(f'[repos."{name}"]\npath = "."\n' for name in names))

    assert len(found) == len(sentences)
    assert all(map(str.startswith, found, sentences))


def test_a_wrong_name_hides_no_other_mistake(mistakes):
    assert len(mistakes('[repos."a b"]\npath = 1\n[repos.web]\n[log]\nlevel = 1')) == 4


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("~/src", "{home}/src"),
        ("$WORK/api", "/work space/api"),
        ("${WORK}/api", "/work space/api"),
        ("${WORK}x", "/work spacex"),
        ("/srv/api", "/srv/api"),
        ("api", "{here}/api"),
        ("../api/./x", "{above}/api/x"),
        (".", "{here}"),
    ],
)
def test_paths_may_name_home_variables_and_the_folder_of_the_file(
    read, tmp_path, monkeypatch, written, read_as
):
    monkeypatch.setenv("WORK", "/work space")

    config = read(f'[repos.api]\npath = "{written}"')

    assert str(config.repos["api"].path) == read_as.format(
        home=Path.home(), here=tmp_path, above=tmp_path.parent
    )


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("$NOPE/x", "the variable $NOPE is not set"),
        ("${NOPE}", "the variable $NOPE is not set"),
        ("~nobody-here/x", "this user has no home folder"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_mistake(mistakes, written, problem):
    assert mistakes(f'data_dir = "{written}"') == [f"data_dir: {problem}, found {written!r}"]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30s", 30), ("15m", 900), ("12 h", 43_200), ("30d", 2_592_000), ("never", None)],
)
def test_a_time_is_a_number_and_a_unit(read, written, seconds):
    assert read(f'sessions.expire_after = "{written}"').sessions.expire_after == seconds


def test_an_owner_is_a_phone_number_or_a_lid(read):
    owners = read('access.owners = ["+49 151 12345678", "123@lid"]').access.owners

    assert owners == (Person(phone="+4915112345678"), Person(lid="123@lid"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff", "is not UTF-8 text."),
        (b"a = ", "is not valid TOML: Invalid value (at end of document)"),
        (b"a = 1\na = 2\n", "is not valid TOML: Cannot overwrite a value (at line 2, column 6)"),
        (b"a = " + b"[" * 5_000, "is nested too deeply."),
        (b"#" * (MAX_FILE_BYTES + 1), "is larger than 1,000,000 bytes."),
    ],
)
def test_a_file_that_is_no_toml_is_one_mistake(mistakes, content, sentence):
    (mistake,) = mistakes(content)

    assert sentence in mistake


def test_a_file_that_is_not_there_is_answered_with_how_to_write_one(tmp_path):
    with pytest.raises(ConfigError, match=r"There is no file .*nope\. Write one with: butler init"):
        Draft(tmp_path / "nope")


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        Draft(tmp_path)


def test_the_file_is_looked_for_in_this_order(tmp_path, monkeypatch):
    users = Path.home() / ".config/butler/config.toml"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigError, match=re.escape(f"There is no config.toml here and no {users}")
    ):
        find()

    users.parent.mkdir(parents=True)
    users.touch()
    assert find() == users
    Path("config.toml").touch()
    assert find() == Path("config.toml")
    monkeypatch.setenv("BUTLER_CONFIG", "named.toml")
    assert find() == Path("named.toml")
    assert find(Path("explicit.toml")) == Path("explicit.toml")


def test_a_file_that_may_not_be_looked_at_is_not_passed_over(mocker):
    mocker.patch(
        "butler.config.loading.Path.exists", side_effect=PermissionError(13, "Permission denied")
    )

    assert find() == Path("config.toml")


class EchoSettings(Settings):
    most: PositiveInt = 3
    loud: bool = False
    colour: str = "red"
    word: bytes = b""
    number: Decimal = Decimal(1)

    @field_validator("colour")
    @classmethod
    def _check_colour(cls, colour):
        if colour == "beige":
            raise ValueError("beige is no colour")
        return colour


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("most = 'x'", "plugins.echo.most: expected a whole number, found 'x'"),
        ("most = 0", "plugins.echo.most: expected more than 0, found 0"),
        ("loud = 'x'", "plugins.echo.loud: expected true or false, found 'x'"),
        ("colour = 'beige'", "plugins.echo.colour: beige is no colour, found 'beige'"),
        ("word = 1", "plugins.echo.word: expected a text in quotes, found 1"),
        ("number = 'x'", "plugins.echo.number: Input should be a valid decimal, found 'x'"),
        ("mots = 1", "plugins.echo.mots: unknown key; did you mean most?"),
    ],
)
def test_the_options_of_a_plugin_are_read_into_its_own_model(tmp_path, options, sentence):
    path = tmp_path / "butler.toml"
    path.write_text(f"[plugins.echo]\n{options}")
    draft = Draft(path)

    assert draft.settings("echo", EchoSettings) is None
    assert draft.mistakes == [f"{path}: {sentence}"]


def test_a_mistake_about_a_whole_section_does_not_repeat_the_section(tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text("[plugins.echo]\nmost = 3\nleast = 5")

    class RangeSettings(Settings):
        most: int
        least: int

        @model_validator(mode="after")
        def _check_order(self):
            raise ValueError("least is more than most")

    draft = Draft(path)

    assert draft.settings("echo", RangeSettings) is None
    assert draft.mistakes == [f"{path}: plugins.echo: least is more than most"]


def test_a_plugin_without_a_section_has_its_defaults(tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text("")

    assert Draft(path).settings("echo", EchoSettings) == EchoSettings()


def test_a_wrong_list_of_plugins_leaves_those_by_default(tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text("plugins = 3")
    draft = Draft(path)
    draft.check_plugin_names(["session"])

    assert draft.enabled_plugins == ("session", "run")
    assert draft.settings("session", Settings) == Settings()


class BranchSettings(BaseModel):
    main_branch: str = "main"


def test_a_plugin_may_have_options_of_its_own_in_each_repo(tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text("[repos.a]\npath='.'\nmain_branch='dev'\n[repos.b]\npath='.'\nmain_branch=1")
    draft = Draft(path)

    found = draft.repo_settings(BranchSettings)
    draft.check_repo_keys()

    assert found["a"].main_branch == "dev"
    assert draft.mistakes == [f"{path}: repos.b.main_branch: expected a text in quotes, found 1"]


def test_every_setting_stops_at_the_door_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Config().prefix = "!"


class Account(Settings):
    name: str = ""
    password: Secret = Secret("none")


class TokenSettings(Settings):
    most: PositiveInt = 3
    token: Annotated[Secret, Field(min_length=6)] | None = None
    accounts: dict[str, Account] = Field(default_factory=dict)
    others: tuple[Secret, ...] = ()


def draft_of(tmp_path, text, mode=0o644):
    path = tmp_path / "my butler.toml"
    path.write_text(text)
    path.chmod(mode)
    return Draft(path)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ('[plugins.echo]\ntoken = "hush-hush"', "plugins.echo.token"),
        (
            '[plugins.echo.accounts.one]\nname = "x"\npassword = "1"',
            "plugins.echo.accounts.one.password",
        ),
        ('[plugins.echo]\nothers = ["", "hush"]', "plugins.echo.others.1"),
        ("# ghp_" + "a" * 36, "line 1"),
        ('\n[plugins.echo]\n# key = "-----BEGIN OPENSSH PRIVATE KEY-----"', "line 3"),
        ('[repos.x]\npath="."\ndescription = "http://me:hush@proxy:3128"', "line 3"),
    ],
)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_in_a_file_that_others_can_read_is_a_mistake(tmp_path, options, place, mode):
    draft = draft_of(tmp_path, options, mode)
    draft.settings("echo", TokenSettings)
    path = draft.path

    with pytest.raises(ConfigError) as refused:
        draft.finish()

    assert refused.value.mistakes == (
        f"{path}: holds a secret ({place}) and is readable by others. "
        f"Protect it: chmod 600 '{path}'",
    )


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ('[plugins.echo]\ntoken = "hush-hush"', 0o600),
        ('[plugins.echo]\ntoken = "hush-hush"', 0o400),
        ("[plugins.echo]\nmost = 1", 0o644),
        ('[plugins.echo.accounts.one]\nname = "x"', 0o644),
        ('[plugins.echo]\nothers = [""]', 0o644),
        ('[repos.x]\npath="."\ndescription = "see http://proxy:3128/a@b and sk-1"', 0o644),
    ],
)
def test_a_file_without_secrets_or_for_nobody_else_is_fine(tmp_path, options, mode):
    draft = draft_of(tmp_path, options, mode)

    assert draft.settings("echo", TokenSettings)
    assert draft.finish()


def test_a_plugin_may_have_a_secret_in_each_repo(tmp_path):
    draft = draft_of(tmp_path, "[repos.a]\npath='.'\ntoken='hush-hush'")

    assert draft.repo_settings(TokenSettings)["a"].token.get_secret_value() == "hush-hush"
    with pytest.raises(ConfigError, match=r"holds a secret \(repos\.a\.token\)"):
        draft.finish()


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ("token = 'hush'", "plugins.echo.token: expected a length of 6 or more"),
        ("token = ['hush']", "plugins.echo.token: expected a text in quotes"),
        ("accounts = 'hush'", "plugins.echo.accounts: expected a table"),
        ("accounts.one = 'hush'", "plugins.echo.accounts.one: expected a table"),
        ("others = 'hush'", "plugins.echo.others: expected a list in brackets"),
        ("most = 0", "plugins.echo.most: expected more than 0, found 0"),
    ],
)
def test_a_mistake_about_a_secret_does_not_show_it(tmp_path, options, mistake):
    draft = draft_of(tmp_path, f"[plugins.echo]\n{options}", 0o600)

    assert draft.settings("echo", TokenSettings) is None
    assert draft.mistakes == [f"{draft.path}: {mistake}"]


def test_a_secret_is_shown_as_stars(tmp_path):
    draft = draft_of(tmp_path, "[plugins.echo]\ntoken = 'hush-hush'", 0o600)

    assert "hush" not in repr(draft.settings("echo", TokenSettings))


def test_a_byte_order_mark_is_skipped(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbfprefix = "!"\n')

    assert Draft(path).finish().prefix == "!"
