"""What an agent leaves in its outbox: most of it is a file, and some of it is a trap."""

import os
import socket
import stat

import pytest

from butler_run.files.outbox import MOST, collect, put_pictures
from butler_run.files.run_files import RunFolder
from butler_run.text.redaction import Redactor

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "1")
    folder.open()
    return folder


@pytest.fixture
def collected(folder):
    return lambda: collect(folder, Redactor(["s3cret-value"]))


def names(paths):
    return [each.name for each in paths]


def test_files_are_sent_in_the_order_of_their_names_as_private_copies(folder, collected):
    for name in ("b.txt", "a.png", ".hidden"):
        (folder.outbox / name).write_bytes(PNG)

    found = collected()

    assert names(found.files) == ["hidden", "a.png", "b.txt"]
    assert {each.parent for each in found.files} == {folder.sent}
    assert {stat.S_IMODE(each.stat().st_mode) for each in found.files} == {0o600}
    assert found.notes() == []


def test_of_300_files_five_are_sent_and_the_others_named(folder, collected):
    for number in range(300):
        (folder.outbox / f"{number:03}.txt").write_text("x")

    found = collected()

    assert len(found.files) == MOST
    assert found.notes() == [
        "5 files is the most, so these were not sent: "
        "005.txt, 006.txt, 007.txt, 008.txt, 009.txt and 290 more."
    ]


def link(path, tmp_path):
    (tmp_path / "secret").write_text("secret")
    path.symlink_to(tmp_path / "secret")


def hard_link(path, tmp_path):
    (tmp_path / "secret").write_text("secret")
    path.hardlink_to(tmp_path / "secret")


def pipe(path, _tmp_path):
    os.mkfifo(path)


def device(path, _tmp_path):
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))


def listening(path, _tmp_path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def inner_folder(path, _tmp_path):
    path.mkdir()
    (path / "a.txt").write_text("x")


def large(path, _tmp_path):
    with path.open("wb") as file:
        file.truncate(16_000_001)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (link, "is a link"),
        (hard_link, "has another name elsewhere"),
        (pipe, "is not a file"),
        (device, "is not a file"),
        (listening, "is not a file"),
        (inner_folder, "is a folder"),
        (large, "has 16.0 MB, and 16 MB is the most"),
    ],
)
def test_what_is_no_plain_file_is_named_and_never_read(folder, collected, tmp_path, make, why):
    if make is device and os.geteuid() != 0:
        pytest.skip("only root can make devices")
    make(folder.outbox / "trap", tmp_path)
    (folder.outbox / "z.txt").write_text("fine")

    found = collected()

    assert names(found.files) == ["z.txt"]
    assert found.notes() == [f"Not sent: trap {why}."]


def test_an_outbox_that_is_a_link_sends_nothing(folder, collected, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.txt").write_text("x")
    folder.outbox.rmdir()
    folder.outbox.symlink_to(tmp_path / "elsewhere")

    assert collected().files == []


@pytest.mark.parametrize("name", ["../x.txt", "a\nb.txt", "a\u202etxt.exe", "x" * 200])
def test_odd_names_are_made_safe(folder, collected, name):
    (folder.outbox / name.replace("/", "_")).write_text("x")

    (path,) = collected().files

    assert path.parent == folder.sent
    assert path.name.isascii()
    assert path.name.isprintable()
    assert len(path.name) <= 80


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env", "A=1"),
        ("id_ed25519", "x"),
        ("server.pem", "x"),
        ("main.tfstate", "{}"),
        ("conf.txt", "A=1\nexport AWS_SECRET_ACCESS_KEY='abcdefghij'\n"),
        ("notes.txt", "the password is s3cret-value"),
        ("log.txt", "x" * 70_000 + "\n-----BEGIN OPENSSH PRIVATE KEY-----\nabc"),
    ],
)
def test_what_looks_like_a_key_is_held_back(folder, collected, name, content):
    (folder.outbox / name).write_text(content)

    found = collected()

    assert found.files == []
    (held,) = found.held
    assert found.notes() == [
        f"Held back: {held} looks like a key. /file! outbox/{held} sends it to an owner in private."
    ]
    assert (folder.held / held).read_text() == content


@pytest.mark.parametrize("name", [".env.example", "id_rsa.pub", "keyboard.txt"])
def test_what_only_sounds_like_a_key_is_sent(folder, collected, name):
    (folder.outbox / name).write_text("TOKEN = os.environ['TOKEN_OF_X']\nPASSWORD=<yours>")

    assert len(collected().files) == 1


def test_pictures_of_the_answer_are_sent_too_and_replace_nothing(folder, collected, tmp_path):
    (tmp_path / "target").write_text("precious")
    (folder.outbox / "answer-1.png").symlink_to(tmp_path / "target")

    put_pictures(folder, [PNG, PNG])

    assert names(collected().files) == ["answer-1-2.png", "answer-2.png"]
    assert (tmp_path / "target").read_text() == "precious"


def test_after_a_run_only_what_may_be_asked_for_is_left(folder, collected):
    (folder.outbox / "a.txt").write_text("x")
    (folder.outbox / ".env").write_text("x")
    collected()

    folder.tidy_up()

    assert sorted(names(folder.path.iterdir())) == ["held", "sent"]
