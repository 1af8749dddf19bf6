import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butler_run.files.names import MAX_LENGTH, safe_name

SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@pytest.mark.parametrize(
    ("name", "media_type", "safe"),
    [
        ("shot.png", "image/png", "shot.png"),
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("..\\..\\boot.ini", "text/plain", "boot.ini"),
        ("a\nb.txt", "text/plain", "a-b.txt"),
        ("invoice\u202egnp.exe", "application/x-executable", "invoice-gnp.exe"),
        (".bashrc", "text/plain", "bashrc.txt"),
        ("", "image/jpeg", "voice-message.jpg"),
        ("..", "application/octet-stream", "voice-message"),
        ("photo.JPEG", "image/jpeg", "photo.JPEG"),
        ("photo.png", "application/pdf", "photo.png.pdf"),
        ("report.docx", "application/zip", "report.docx"),
        ("$(rm -rf ~).txt", "text/plain", "rm--rf-.txt"),
        ("--help", "application/octet-stream", "help"),
    ],
)
def test_a_name_is_made_safe_and_fits_the_content(name, media_type, safe):
    assert safe_name(name, "voice message", media_type, ()) == safe


@pytest.mark.parametrize(
    ("name", "safe"), [(".env", ".env"), ("..env.local", ".env.local"), ("..", ".file"), ("a", "a")]
)
def test_a_hidden_file_may_stay_one(name, safe):
    assert safe_name(name, "file", "", (), may_be_hidden=True) == safe


def test_names_that_clash_in_any_case_get_a_number():
    taken = ["a.png", "A-2.png"]

    assert safe_name("A.PNG", "picture", "image/png", taken) == "A-3.PNG"


@given(name=st.text(max_size=300), kind=st.sampled_from(["image/png", "application/zip", "x/y"]))
def test_every_name_becomes_a_safe_one(name, kind):
    found = safe_name(name, "picture", kind, ())

    assert SAFE.fullmatch(found)
    assert len(found) <= MAX_LENGTH
