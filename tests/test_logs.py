import logging

import pytest

from butler import logs


@pytest.fixture(autouse=True)
def _own_handlers():
    """Put pytest's handlers back."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    for name in ("butler", "mine", "markdown_it", "pydantic"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_line_has_the_chat_that_it_is_about(capsys):
    logs.configure()
    token = logs.chat_of_log.set("team@g.us")

    logging.getLogger("butler.core.bot").info("a turn ended after %.1f s", 0.25)
    logs.chat_of_log.reset(token)
    logging.getLogger("butler.core.bot").warning("no chat")

    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("INFO    [team@g.us] butler.core.bot: a turn ended after 0.2 s")
    assert second.endswith("WARNING butler.core.bot: no chat")


def test_what_is_below_the_level_is_left_out(capsys):
    logs.configure("ERROR")

    logging.getLogger("butler").warning("quiet")
    logging.getLogger("asyncio").info("quiet")

    assert capsys.readouterr().err == ""


def test_what_comes_from_outside_cannot_pass_for_a_line_of_its_own(capsys):
    logs.configure()
    token = logs.chat_of_log.set("team\u2028@g.us")
    name = "Bob\n2030-01-01 00:00:00,000 INFO \x1b[31m\u202e\udc80é"

    logging.getLogger("butler.core.bot").warning("%s is away", name)
    try:
        raise ValueError(name)
    except ValueError:
        logging.getLogger("butler.core.bot").exception("a turn failed")
    logs.chat_of_log.reset(token)

    first, second, *rest = capsys.readouterr().err.splitlines()
    said = r"Bob\n2030-01-01 00:00:00,000 INFO \x1b[31m\u202e\udc80é is away"
    assert first.endswith(rf"[team\u2028@g.us] butler.core.bot: {said}")
    assert second.endswith("butler.core.bot: a turn failed")
    assert all(line.startswith("  ") and line.isprintable() for line in rest)


def test_of_libraries_there_are_only_warnings_unless_they_are_named(capsys):
    logs.configure("DEBUG", {"butler", "mine"}, {"pydantic": "DEBUG"})

    for name in ("butler.core.bot", "mine.part", "markdown_it.rules", "pydantic.main"):
        logging.getLogger(name).debug("a detail")
        logging.getLogger(name).warning("a warning")

    lines = [each.split(maxsplit=2)[2] for each in capsys.readouterr().err.splitlines()]
    assert [each.split(maxsplit=1) for each in lines] == [
        ["DEBUG", "butler.core.bot: a detail"],
        ["WARNING", "butler.core.bot: a warning"],
        ["DEBUG", "mine.part: a detail"],
        ["WARNING", "mine.part: a warning"],
        ["WARNING", "markdown_it.rules: a warning"],
        ["DEBUG", "pydantic.main: a detail"],
        ["WARNING", "pydantic.main: a warning"],
    ]


def test_the_level_that_is_asked_for_holds_for_libraries_too(capsys):
    logs.configure("ERROR")

    logging.getLogger("markdown_it").warning("a warning")

    assert capsys.readouterr().err == ""
