import pytest

from butler import Message, Person
from butler.chat.text import printable, without_controls


@pytest.mark.parametrize(
    ("address", "person"),
    [
        ("+4915112345678", Person(phone="+4915112345678")),
        ("4915112345678", Person(phone="+4915112345678")),
        ("4915112345678@s.whatsapp.net", Person(phone="+4915112345678")),
        ("123456789@lid", Person(lid="123456789@lid")),
    ],
)
def test_a_person_is_known_by_phone_number_or_lid(address, person):
    assert Person.parse(address) == person


@pytest.mark.parametrize(
    "address",
    ["", "Anna", "+49 151", "4915112345678@g.us", "12:3@lid", "٤٩١٥١١٢٣٤٥", "+49151\n", "1" * 30],
)
def test_anything_else_is_no_address(address):
    with pytest.raises(ValueError, match="neither a phone number"):
        Person.parse(address)


def test_persons_are_equal_if_either_address_matches():
    both = Person(phone="+4915112345678", lid="99@lid")

    assert both == Person(phone="+4915112345678")
    assert both == Person(lid="99@lid", phone="+15550000000")
    assert both != Person(lid="98@lid")
    assert both != "+4915112345678"


def test_the_digits_of_a_lid_are_no_phone_number():
    assert Person.parse("4915112345678@lid") != Person.parse("+4915112345678")


def test_a_person_nobody_knows_equals_nobody():
    assert Person() != Person()


def test_a_person_cannot_be_hashed():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Person(phone="+4915112345678"))


def test_a_person_is_shown_by_phone_number_first():
    assert str(Person(phone="+4915112345678", lid="99@lid")) == "+4915112345678"
    assert str(Person(lid="99@lid")) == "99@lid"
    assert str(Person()) == "unknown"


@pytest.mark.parametrize(
    ("sender", "is_own", "author"),
    [
        (Person(phone="+4930111111"), False, "+4930111111"),
        (Person(phone="+4930111111"), True, "+4930111111"),
        (Person(), True, "the owner"),
        (Person(), False, "unknown"),
    ],
)
def test_the_author_is_the_address_or_the_owner(sender, is_own, author):
    assert Message("1", "team@g.us", sender, "", 0.0, is_own=is_own).author == author


def test_text_for_a_sentence_is_one_visible_line():
    assert printable("a\n\u202eb", 10) == "a\ufffd\ufffdb"
    assert printable("x" * 11, 10) == "x" * 10 + "…"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("one\ttwo\nthree", "one\ttwo\nthree"),
        ("\x1b[31mred\x9b\u202e", "[31mred"),
        ("one\r\ntwo\r\n", "one\r\ntwo\r\n"),
        ("seen\runseen\r", "seenunseen"),
    ],
)
def test_text_without_controls_keeps_its_lines(text, clean):
    assert without_controls(text) == clean
