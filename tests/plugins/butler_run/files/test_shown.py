"""What a model gets to see of a file."""

import io
import struct
import zlib

import pytest
from PIL import Image

from butler_run.files.shown import LONGEST_SIDE, MOST_PICTURE_BYTES, prompt_file


def saved(path, image, kind="PNG", **options):
    image.save(path, kind, **options)
    return path


def seen(file):
    return Image.open(io.BytesIO(file.shown))


def test_a_large_picture_is_made_small(tmp_path):
    path = saved(tmp_path / "a", Image.new("RGB", (4000, 1000), "red"))

    file = prompt_file(path, "image/png")

    assert file.shown_type == "image/png"
    assert seen(file).size == (LONGEST_SIDE, 392)


def test_a_photo_is_shown_as_it_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "a", Image.new("RGB", (40, 20)), "JPEG", exif=exif.tobytes())

    assert seen(prompt_file(path, "image/jpeg")).size == (20, 40)


def test_a_picture_of_many_bytes_is_sent_with_loss(tmp_path):
    path = saved(tmp_path / "a", Image.effect_noise((1500, 1500), 90).convert("RGB"))

    file = prompt_file(path, "image/png")

    assert file.shown_type == "image/jpeg"
    assert len(file.shown) <= MOST_PICTURE_BYTES


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_other_pictures_are_shown_too(tmp_path, kind):
    path = saved(tmp_path / "a", Image.new("RGB", (10, 10)), kind)

    assert seen(prompt_file(path, f"image/{kind.lower()}")).size == (10, 10)


def bomb(side):
    """A PNG of a few kilobytes that would be gigabytes of pixels."""

    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000), 9)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("side", [40_000, 8_000])
def test_a_picture_of_too_many_pixels_is_never_decoded(tmp_path, side, mocker):
    load = mocker.spy(Image.Image, "load")
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(side))

    assert prompt_file(path, "image/png").shown is None
    assert load.call_count == 0


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n", bomb(100)[:60], b"\xff\xd8\xff\xe0junk"]
)
def test_a_broken_picture_is_named_only(tmp_path, data):
    path = tmp_path / "a.png"
    path.write_bytes(data)

    assert prompt_file(path, "image/png").shown is None


def test_a_pdf_is_shown_as_it_is_unless_it_is_large(tmp_path, mocker):
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.4")

    file = prompt_file(path, "application/pdf")
    assert (file.shown, file.shown_type) == (b"%PDF-1.4", "application/pdf")

    mocker.patch("butler_run.files.shown.MOST_PDF_BYTES", 7)
    assert prompt_file(path, "application/pdf").shown is None


def test_an_archive_is_never_opened(tmp_path):
    path = tmp_path / "report.docx"
    path.write_bytes(b"PK\x03\x04")

    assert prompt_file(path, "application/zip").shown is None
