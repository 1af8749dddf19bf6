"""What pictures say besides the picture is taken out, without decoding them."""

import io
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from butler_run.files.metadata import without_metadata

PLACE = b"N52.5 E13.4"


def picture(kind, turned=1, size=(40, 20)):
    exif = Image.Exif()
    exif[0x0112] = turned
    exif[0x010E] = PLACE.decode()
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.5)
    options = {"exif": exif.tobytes()}
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", PLACE.decode(), zip=False)
        options["pnginfo"] = text
    if kind == "JPEG":
        options |= {"comment": PLACE, "progressive": True}
    if kind == "WEBP":
        options["xmp"] = PLACE
    image = Image.effect_noise(size, 50).convert("RGB")
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_place_of_a_picture_is_removed_and_its_pixels_are_the_same(kind):
    data = picture(kind)
    assert PLACE in data

    clean = without_metadata(data)

    assert PLACE not in clean
    found = Image.open(io.BytesIO(clean))
    assert not found.getexif().get_ifd(0x8825)
    assert found.tobytes() == Image.open(io.BytesIO(data)).tobytes()


@pytest.mark.parametrize("turned", [1, 3, 6, 8])
def test_how_a_photo_is_turned_is_kept(turned):
    clean = without_metadata(picture("JPEG", turned))

    assert dict(Image.open(io.BytesIO(clean)).getexif()) == {0x0112: turned}


def test_what_follows_the_picture_is_cut_off():
    for kind in ("JPEG", "PNG", "WEBP"):
        data = picture(kind)
        assert PLACE not in without_metadata(data + b"PK\x03\x04" + PLACE)


def test_a_thumbnail_with_a_place_of_its_own_is_gone_with_the_exif():
    assert b"Exif" not in without_metadata(picture("PNG"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_cut_anywhere_is_no_error(kind):
    data = picture(kind)

    for end in range(0, len(data), max(1, len(data) // 200)):
        assert PLACE not in without_metadata(data[:end])[40:] or end < 40


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4 " + PLACE, b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"])
def test_other_files_and_stumps_are_no_error(data):
    assert PLACE in without_metadata(data) or PLACE not in data


def test_an_exif_that_lies_about_its_size_is_no_error():
    for tiff in (b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"II", b"XX*\0\0\0\0\0"):
        body = b"Exif\0\0" + tiff
        segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
        data = b"\xff\xd8" + segment + picture("JPEG")[2:]
        assert Image.open(io.BytesIO(without_metadata(data))).size == (40, 20)


def test_a_png_of_which_a_chunk_claims_four_gigabytes_is_no_error():
    chunk = struct.pack(">I", 0xFFFFFFFF) + b"IDAT" + zlib.compress(b"x")

    assert without_metadata(b"\x89PNG\r\n\x1a\n" + chunk).startswith(b"\x89PNG")
