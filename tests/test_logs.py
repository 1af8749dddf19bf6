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


def test_a_line_has_the_chat_that_it_is_about(capsys):
    logs.configure()
    token = logs.chat_of_log.set("team@g.us")

    logging.getLogger("butler.bot").info("a turn ended after %.1f s", 0.25)
    logs.chat_of_log.reset(token)
    logging.getLogger("butler.bot").warning("no chat")

    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("INFO    [team@g.us] butler.bot: a turn ended after 0.2 s")
    assert second.endswith("WARNING [-] butler.bot: no chat")


def test_what_is_below_the_level_is_left_out(capsys):
    logs.configure("ERROR")

    logging.getLogger("butler").warning("quiet")
    logging.getLogger("asyncio").info("quiet")

    assert capsys.readouterr().err == ""
