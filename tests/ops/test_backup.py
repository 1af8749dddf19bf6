import gzip
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from contextlib import closing
from typing import NamedTuple

import pyrage
import pytest

from butler.cli import main
from butler.ops import archive
from butler.storage.files import locked
from butler.transports.whatsapp import CREDENTIALS
from butler_process import line, link_account, run_butler, write_config

SECRET = "correct horse"


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """The folder of a Butler that was used: a session, records, and a linked account."""
    home = tmp_path_factory.mktemp("used")
    done = run_butler("console", "--jsonl", "--config", write_config(home), text=line("/use api"))
    assert done.returncode == 0, done.stderr
    link_account(home / "data")
    return home


@pytest.fixture
def config(used, tmp_path):
    shutil.copytree(used, tmp_path / "home")
    return tmp_path / "home" / "config.toml"


@pytest.fixture
def key(tmp_path):
    """A file with a secret key of age."""
    path = tmp_path / "key"
    path.write_text(f"# a key\n{pyrage.x25519.Identity.generate()}\n")
    return path


def public(key):
    secret = key.read_text().splitlines()[1]
    return str(pyrage.x25519.Identity.from_str(secret).to_public())


@pytest.fixture
def butler(capsys):
    """Runs a sub-command; returns its exit status, output and complaint."""

    def run(*arguments):
        status = main([str(each) for each in arguments])
        return Result(status, *capsys.readouterr())

    return run


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def backup(butler):
    return lambda config, *options: butler("backup", *options, "--config", config)


@pytest.fixture
def restore(butler):
    return lambda source, config, *options: butler("restore", source, *options, "--config", config)


@pytest.fixture
def passphrase(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text(f"{SECRET}\n")
    return path


@pytest.fixture
def new_home(tmp_path):
    (tmp_path / "new").mkdir()
    return tmp_path / "new"


@pytest.fixture
def sessions(butler):
    return lambda config: [
        json.loads(each)["repo"]
        for each in butler("sessions", "--json", "--config", config).stdout.splitlines()
    ]


def everything_in(folder):
    return sorted(
        (str(path.relative_to(folder)), path.read_bytes() if path.is_file() else None)
        for path in folder.rglob("*")
    )


def test_what_was_saved_with_a_passphrase_is_there_after_a_restore(
    config, passphrase, tmp_path, new_home, backup, restore, sessions, butler
):
    target = tmp_path / "saved.age"

    saved = backup(config, target, "--passphrase-file", passphrase)
    wrong = restore(target, new_home / "config.toml", "--passphrase-file", config)
    nothing = everything_in(new_home)
    restored = restore(target, new_home / "config.toml", "--passphrase-file", passphrase)

    assert saved.returncode == restored.returncode == 0, saved.stderr + restored.stderr
    assert "the passphrase is wrong, or the file is cut off or altered" in wrong.stderr
    assert nothing == []
    assert "read them back" in saved.stdout
    assert "butler pair" in saved.stdout
    assert str(new_home / "data") in restored.stdout
    for name in ("api", "web"):  # the repos are not part of it
        shutil.copytree(config.parent / name, new_home / name)
    assert sessions(new_home / "config.toml") == ["api"]
    audit = butler("audit", "--json", "--config", new_home / "config.toml")
    assert len(audit.stdout.splitlines()) == 1


def test_a_backup_is_private_and_the_working_folder_is_empty_after_it(
    config, tmp_path, backup, key
):
    target = tmp_path / "saved.age"

    backup(config, target, "--recipient", public(key))

    assert target.stat().st_mode & 0o777 == 0o600
    assert not any((config.parent / "data" / "backup").iterdir())
    assert target.read_bytes().startswith(b"age-encryption.org/v1\n")


def test_the_link_is_left_out_unless_it_is_asked_for(config, tmp_path, backup):
    target = tmp_path / "saved.tar.gz"

    backup(config, target, "--plain")

    with tarfile.open(target) as tar:
        names = tar.getnames()
    assert names[:2] == ["manifest.json", "config.toml"]
    assert "data/sessions.sqlite3" in names
    assert not [name for name in names if CREDENTIALS in name]


def test_a_moved_link_cannot_be_used_in_its_old_folder(
    config, tmp_path, new_home, backup, restore, butler, key
):
    target = tmp_path / "moved.age"

    moved = backup(config, target, "--with-link", "--recipient", public(key))
    old = butler("run", "--config", config)
    shown = [butler(each, "--config", config).stdout for each in ("status", "check", "doctor")]
    again = backup(config, tmp_path / "b", "--with-link", "--recipient", public(key))
    restored = restore(target, new_home / "config.toml", "--identity", key)

    assert "+4915112345678 moves with it" in moved.stdout
    assert old.returncode == 2
    assert "moved the link to WhatsApp elsewhere" in old.stderr
    assert f"rm {config.parent / 'data' / 'whatsapp' / 'moved'}" in old.stderr
    assert [text.count(old.stderr.strip()) for text in shown] == [1, 1, 1]
    assert "start it with" not in "".join(shown)
    assert (config.parent / "data" / "whatsapp" / "moved").stat().st_mode & 0o777 == 0o600
    assert again.stderr == "No WhatsApp account is linked here, so there is no link to move.\n"
    assert "butler run" in restored.stdout
    assert (new_home / "data" / "whatsapp" / CREDENTIALS).exists()
    assert not (new_home / "data" / "whatsapp" / "moved").exists()


def test_a_link_is_not_moved_away_from_a_running_daemon(config, tmp_path, backup, key):
    with locked(config.parent / "data" / "daemon.lock", "Another Butler"):
        refused = backup(config, tmp_path / "b", "--with-link", "--recipient", public(key))
        without = backup(config, tmp_path / "c", "--recipient", public(key))

    assert refused.returncode != 0
    assert f"Another Butler (process {os.getpid()})" in refused.stderr
    assert not (tmp_path / "b").exists()
    assert without.returncode == 0


def test_a_database_is_saved_with_what_another_process_has_not_yet_moved_into_it(
    config, tmp_path, new_home, backup, restore
):
    data = config.parent / "data"
    with closing(sqlite3.connect(data / "other.sqlite3")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE things (name TEXT)")
        db.execute("INSERT INTO things VALUES ('in the log only')")
        db.commit()
        backup(config, tmp_path / "saved", "--plain")

    restore(tmp_path / "saved", new_home / "config.toml")

    with closing(sqlite3.connect(new_home / "data" / "other.sqlite3")) as db:
        assert db.execute("SELECT name FROM things").fetchall() == [("in the log only",)]


def test_a_recipient_can_open_the_backup_with_a_secret_key(
    config, tmp_path, new_home, backup, restore, key
):
    target = tmp_path / "saved.age"

    backup(config, target, "--recipient", public(key))
    without = restore(target, new_home / "config.toml")
    restored = restore(target, new_home / "config.toml", "--identity", key)

    assert without.stderr == f"{target} is encrypted to a key: name its --identity file.\n"
    assert restored.returncode == 0, restored.stderr


@pytest.mark.skipif(shutil.which("age") is None, reason="age is not installed: apt-get install age")
def test_age_itself_opens_a_backup(config, tmp_path, backup, key):
    backup(config, tmp_path / "saved.age", "--recipient", public(key))

    opened = subprocess.run(
        ["age", "--decrypt", "--identity", key, tmp_path / "saved.age"],
        capture_output=True,
        check=True,
    )

    with tarfile.open(fileobj=io.BytesIO(opened.stdout)) as tar:
        assert "data/sessions.sqlite3" in tar.getnames()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "A backup is encrypted: name a --passphrase-file or a --recipient, or say --plain."),
        (["--plain", "--recipient", "x"], "Choose one of"),
        (["--plain", "--with-link"], "With the link, a backup is always encrypted"),
        (["--recipient", "nonsense"], "--recipient takes a public key"),
        (["--passphrase-file", "/dev/null"], "The first line of /dev/null is empty"),
        (["--passphrase-file", "/no/such"], "/no/such cannot be read: No such file or directory."),
    ],
)
def test_wrong_options_are_one_sentence(config, tmp_path, options, sentence, backup):
    refused = backup(config, tmp_path / "b", *options)

    assert refused.returncode == 2
    assert sentence in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "b").exists()


def test_a_file_that_exists_is_not_overwritten(config, tmp_path, backup):
    (tmp_path / "there").write_text("mine")

    refused = backup(config, tmp_path / "there", "--plain")

    assert refused.returncode == 1
    assert "exists. Name another file" in refused.stderr
    assert (tmp_path / "there").read_text() == "mine"


def test_a_backup_into_the_data_folder_is_refused(config, backup):
    refused = backup(config, config.parent / "data" / "b", "--plain")

    assert "is in the data folder" in refused.stderr


def test_a_damaged_database_is_not_saved_as_if_it_were_whole(config, tmp_path, backup):
    path = config.parent / "data" / "sessions.sqlite3"
    data = bytearray(path.read_bytes())
    data[1024:] = b"\xff" * (len(data) - 1024)
    path.write_bytes(data)

    refused = backup(config, tmp_path / "b", "--plain")

    assert refused.returncode == 1
    assert "sessions.sqlite3" in refused.stderr
    assert not (tmp_path / "b").exists()


def test_a_link_in_the_data_folder_does_not_draw_foreign_files_in(config, tmp_path, backup):
    (tmp_path / "foreign").write_text("secret")
    (config.parent / "data" / "link").symlink_to(tmp_path / "foreign")

    backup(config, tmp_path / "b", "--plain")

    with tarfile.open(tmp_path / "b") as tar:
        assert "data/link" not in tar.getnames()


# --- restore ---


@pytest.fixture
def saved(config, tmp_path, backup):
    target = tmp_path / "saved.tar.gz"
    assert backup(config, target, "--plain").returncode == 0
    return target


@pytest.fixture
def refusal(restore, new_home):
    """Restores what must be refused without a trace; returns the sentence."""

    def refused(source, *options):
        before = everything_in(new_home)
        result = restore(source, new_home / "config.toml", *options)
        assert result.returncode in {1, 2}
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1, result.stderr
        assert everything_in(new_home) == before
        return result.stderr

    return refused


def test_an_occupied_folder_is_refused_and_stays_as_it_is(saved, new_home, refusal):
    (new_home / "data").mkdir()
    (new_home / "data" / "sessions.sqlite3").write_text("mine")

    assert "already holds data" in refusal(saved)


def test_the_configuration_that_is_there_is_kept(saved, new_home, restore, sessions):
    config = write_config(new_home, "[limits]\nperson_per_minute = 7\n")
    before = config.read_bytes()

    restored = restore(saved, config)

    assert "Your configuration was kept" in restored.stdout
    assert config.read_bytes() == before
    assert sessions(config) == ["api"]


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_off_archive_is_refused(saved, keep, refusal):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * keep)])

    assert "it is cut off, or is not a backup" in refusal(saved)


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_a_cut_off_encrypted_archive_is_refused(config, tmp_path, keep, backup, refusal, key):
    target = tmp_path / "saved.age"
    backup(config, target, "--recipient", public(key))
    data = target.read_bytes()
    target.write_bytes(data[: int(len(data) * keep)])

    assert "cut off" in refusal(target, "--identity", key)


def repacked(source, change):
    """Rewrite an archive: ``change`` gets its members, in order, and returns others."""
    with tarfile.open(source) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]
    with tarfile.open(source, "w:gz") as tar:
        for info, data in change(members):
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def with_manifest(members, **keys):
    (info, data), *others = members
    return [(info, json.dumps({**json.loads(data), **keys}).encode()), *others]


def renamed(members, old, new):
    """Rename a file, in the list, too."""
    (head, listing), *others = members
    listing = listing.replace(json.dumps(old).encode(), json.dumps(new).encode())
    for info, _data in others:
        if info.name == old:
            info.name = new
    return [(head, listing), *others]


def as_link(members):
    members[-1][0].type, members[-1][0].linkname = tarfile.SYMTYPE, "/etc/passwd"
    return members


ALTERED = {
    "a byte": lambda members: [*members[:-1], (members[-1][0], b"x" + members[-1][1][1:])],
    "a longer file": lambda members: [*members[:-1], (members[-1][0], members[-1][1] + b"x")],
    "a missing file": lambda members: members[:-1],
    "a second file": lambda members: [*members, members[-1]],
    "another file": lambda members: [*members, (tarfile.TarInfo("data/more"), b"x")],
    "a link": as_link,
    "no list": lambda members: members[1:],
    "a newer format": lambda members: with_manifest(members, format=2, butler="9.0"),
    "a list of nonsense": lambda members: with_manifest(members, files="all"),
    "up": lambda members: renamed(members, "data/sessions.sqlite3", "data/../../up"),
    "root": lambda members: renamed(members, "data/sessions.sqlite3", "/tmp/root"),
    "beside": lambda members: renamed(members, "data/sessions.sqlite3", "beside"),
    "dot": lambda members: renamed(members, "data/sessions.sqlite3", "data/./x"),
}


@pytest.mark.parametrize("how", ALTERED)
def test_an_altered_archive_is_refused_and_leaves_nothing(saved, how, refusal):
    repacked(saved, ALTERED[how])

    said = refusal(saved)

    assert said.startswith(f"{saved} cannot be restored: it ")
    assert said.endswith("Nothing was changed.\n")
    if how == "a newer format":
        assert "it was written by Butler 9.0; update this one" in said


def test_a_bomb_is_not_unpacked(saved, refusal):
    with gzip.open(saved, "wb") as file:
        file.write(b"\0" * 50_000_000)

    assert "not a backup" in refusal(saved)


def test_a_damaged_database_in_a_plain_archive_is_refused(saved, tmp_path, refusal):
    folder = tmp_path / "forged"
    (folder / "data").mkdir(parents=True)
    (folder / "config.toml").write_text('data_dir = "data"\nrepo_folders = ["."]\n')
    (folder / "data" / "sessions.sqlite3").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with tarfile.open(saved) as tar:
        created = json.loads(tar.extractfile("manifest.json").read())["created"]
    with saved.open("wb") as file:
        archive.write(file, folder, archive.datetime.fromisoformat(created), has_link=False)

    assert "sessions.sqlite3 in it is damaged" in refusal(saved)


def test_a_backup_whose_configuration_is_wrong_leaves_nothing(saved, tmp_path, refusal):
    folder = tmp_path / "forged"
    (folder / "data").mkdir(parents=True)
    (folder / "config.toml").write_text("data_dir = 7\n")
    with saved.open("wb") as file:
        archive.write(
            file, folder, archive.datetime.fromisoformat("2026-01-01T00:00:00Z"), has_link=False
        )

    assert "data_dir" in refusal(saved)


def test_a_missing_file_is_one_sentence(new_home, refusal):
    assert "cannot be read: No such file" in refusal(new_home / "none")
