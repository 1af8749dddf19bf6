import pytest

from butler.chat.content_type import HEAD_BYTES, UNKNOWN, content_type


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n rest", "image/png"),
        (b"\xff\xd8\xff\xe0 rest", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"%PDF-1.7", "application/pdf"),
        (b"OggS\x00\x02", "audio/ogg"),
        (b"\x00\x00\x00\x20ftypM4A ", "audio/mp4"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"\x00\x00\x00\x20ftypheic", "image/heic"),
        (b"PK\x03\x04 word/document.xml", "application/zip"),
        (b"\x7fELF\x02", "application/x-executable"),
        ("héllo\n".encode(), "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text/plain"),
        (b"a" * HEAD_BYTES + b"\x00", "text/plain"),
        (b"\x00\x01\x02", UNKNOWN),
        (b"", UNKNOWN),
    ],
)
def test_the_type_of_a_file_is_that_of_its_first_bytes(head, media_type):
    assert content_type(head) == media_type


def test_a_character_that_is_cut_at_the_end_of_the_head_leaves_it_a_text():
    assert content_type(b"a" * (HEAD_BYTES - 1) + "é".encode()[:1]) == "text/plain"


def test_half_a_character_at_the_end_of_a_file_is_no_text():
    assert content_type(b"a\xc3") == UNKNOWN
