import io
import re

import pytest
import segno

from butler.cli.codes import CodeDisplay, drawing

TEXT = "https://wa.me/settings/linked_devices#" + ",".join(
    "2@abcdefghijklmnopqrstuvwxyz0123456789"[:37] * 6
)
HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
LIMIT_S = 600.0


class Terminal(io.StringIO):
    """A terminal, or what is none, that keeps what was written."""

    def __init__(self, *, is_terminal=True):
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal

    def taken(self):
        """Return what was written since the last call."""
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


@pytest.fixture
def terminal():
    return Terminal()


def display(terminal, png=None, size=(200, 100)):
    return CodeDisplay(terminal, LIMIT_S, png, lambda: size)


def test_a_drawing_is_the_code_with_its_margin():
    code = segno.make("Butler", error="l")

    rows = []
    for line in drawing(code):
        cells = [
            HALVES[character] for character in re.fullmatch(r"\x1b\[.*?m(.*)\x1b\[0m", line)[1]
        ]
        rows += [[upper for upper, _ in cells], [lower for _, lower in cells]]

    wanted = [[int(bool(cell)) for cell in row] for row in code.matrix_iter(border=2)]
    assert rows[: len(wanted)] == wanted
    assert not any(map(any, rows[len(wanted) :]))


def test_a_drawing_is_black_on_white_whatever_the_theme():
    lines = list(drawing(segno.make("Butler")))

    assert all(line.startswith("\x1b[38;5;16;48;5;231m") for line in lines)
    assert all(line.endswith("\x1b[0m") for line in lines)


def test_a_code_says_how_long_it_lives_and_when_linking_is_given_up(terminal, mocker):
    mocker.patch("butler.cli.codes.time.time", return_value=0.0)
    mocker.patch("butler.cli.codes.time.localtime", side_effect=__import__("time").gmtime)

    display(terminal).show_qr(TEXT, 60.0)

    said = terminal.taken()
    assert "otherwise this gives up at 00:10.\n" in said
    assert said.endswith("This code lives for 60 s, then the next one replaces it.\n")


def test_a_code_replaces_the_last_one_on_the_screen(terminal):
    shown = display(terminal)

    shown.show_qr(TEXT, 60.0)
    first = terminal.taken()
    shown.show_qr(TEXT, 20.0)
    second = terminal.taken()

    drawn = first.count("\n") - 3
    assert second.startswith(f"\x1b[{drawn}F\x1b[J")
    assert "On the phone" not in second
    assert second.count("\n") == drawn


def test_what_a_narrow_window_wraps_is_replaced_too(terminal):
    shown = display(terminal, size=(30, 24))

    shown.show_qr(TEXT, 60.0)
    said = terminal.taken().split("gives up at ")[1].splitlines()[1:]
    shown.show_qr(TEXT, 20.0)

    wrapped = sum(max(1, -(-len(line) // 30)) for line in said)
    assert wrapped > len(said)
    assert terminal.taken().startswith(f"\x1b[{wrapped}F\x1b[J")


def test_without_a_terminal_codes_follow_each_other():
    terminal = Terminal(is_terminal=False)
    shown = display(terminal, size=(20, 10))

    shown.show_qr(TEXT, 60.0)
    shown.show_qr(TEXT, 20.0)

    assert "\x1b[J" not in terminal.getvalue()
    assert "does not fit" not in terminal.getvalue()
    assert terminal.getvalue().count("then the next one replaces it") == 2


@pytest.mark.parametrize("size", [(200, 24), (40, 100)])
def test_where_a_code_does_not_fit_the_way_out_is_said(terminal, size):
    shown = display(terminal, size=size)

    shown.show_qr(TEXT, 60.0)

    said = terminal.taken()
    needed = re.search(r"it needs (\d+) rows and (\d+) columns,\nand this window has", said)
    assert f"and this window has {size[1]} and {size[0]}." in said
    assert "butler pair --png code.png\n" in said
    assert "butler pair --phone +49…\n" in said
    assert "█" not in said

    fitting = Terminal()
    display(fitting, size=(int(needed[2]), int(needed[1]))).show_qr(TEXT, 60.0)
    assert "█" in fitting.getvalue()


def test_a_code_that_does_not_fit_is_drawn_once_the_window_is_larger(terminal):
    sizes = [(80, 24)]
    shown = CodeDisplay(terminal, LIMIT_S, None, lambda: sizes[-1])
    shown.show_qr(TEXT, 60.0)
    terminal.taken()

    sizes.append((200, 100))
    shown.redraw()

    said = terminal.taken()
    assert said.startswith("\x1b[H\x1b[2JLink Butler")
    assert "█" in said


def test_a_new_size_before_the_first_code_draws_nothing(terminal):
    display(terminal).redraw()

    assert terminal.getvalue() == ""


def test_with_an_image_a_code_that_does_not_fit_is_only_there(terminal, tmp_path):
    display(terminal, tmp_path / "qr.png", size=(80, 24)).show_qr(TEXT, 60.0)

    said = terminal.taken()
    assert f"The code is in {tmp_path}/qr.png.\n" in said
    assert "does not fit" not in said
    assert (tmp_path / "qr.png").read_bytes().startswith(b"\x89PNG")


def test_a_code_to_type_says_how_long_it_lives(terminal):
    display(terminal).show_code("ABCD-1234", 160.0)

    assert "Type this code there:  ABCD-1234\nIt lives for 160 s." in terminal.taken()
