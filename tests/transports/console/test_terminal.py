import asyncio
import contextlib
import io
import json
import os
import signal
import stat
import threading

import pexpect
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent, DummyCompleter
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from butler.app import read_setup
from butler.chat.message import Reply
from butler.testing import OWNER, open_chat
from butler.testing.agents import scripted_agent
from butler.transports.console.terminal import CommandCompleter, PromptConsole, styled
from butler_process import BUTLER, PATIENCE_S, run_butler, start_butler, write_config

CTRL_C, CTRL_D, UP, TAB = "\x03", "\x04", "\x1b[A", "\t"


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


@pytest.fixture
def terminal(config):
    """Start `butler console` in a terminal; it is ready to be typed into."""
    started = []

    def start(*arguments):
        process = pexpect.spawn(
            BUTLER[0],
            [*BUTLER[1:], "console", "--config", str(config), *arguments],
            encoding="utf-8",
            timeout=PATIENCE_S,
            dimensions=(24, 120),
            env=os.environ | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
        )
        started.append(process)
        process.expect("Ctrl-D quits.")
        process.expect(">")
        return process

    yield start
    for process in started:
        process.close(force=True)


def end(process):
    """Press Ctrl-D; return the exit status."""
    process.send(CTRL_D)
    process.expect(pexpect.EOF)
    process.close()
    return process.exitstatus


def wait_for(process, pattern):
    """Wait for an answer, and for the prompt behind it."""
    process.expect(pattern)
    process.expect("console>")


def test_what_is_typed_is_answered_and_ctrl_d_ends(terminal):
    console = terminal()

    console.send("/use api\r")

    wait_for(console, "now works on .*api.*, on branch main")
    assert end(console) == 0


def test_the_prompt_is_the_chat_that_is_typed_in(terminal):
    console = terminal("--chat", "team@g.us", "--sender", "+4930123456")

    assert "team@g.us" in console.before
    assert end(console) == 0


def test_what_was_typed_comes_back_the_next_time_and_to_nobody_else(terminal, config):
    console = terminal()
    console.send("/use web\r")
    wait_for(console, "now works on")
    end(console)

    console = terminal()
    console.send(UP)
    console.expect_exact("/use web")
    console.send("\r")
    wait_for(console, "already works on")

    assert end(console) == 0
    history = config.parent / "data" / "console-history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_tab_completes_commands_and_repos(terminal):
    console = terminal()

    console.send("/sess" + TAB)
    # Only what is new is drawn.
    console.expect_exact("ions")
    console.send(CTRL_C)
    wait_for(console, "Ctrl-D quits")
    console.send("/use w" + TAB)
    console.expect_exact("eb")
    console.send("\r")
    wait_for(console, "now works on")

    assert end(console) == 0


def test_ctrl_c_throws_away_what_was_typed_and_goes_on(terminal):
    console = terminal()

    console.send("/use nonsense" + CTRL_C)
    wait_for(console, "Ctrl-D quits")
    console.send("/use api\r")

    wait_for(console, "now works on")
    assert end(console) == 0


def test_an_empty_line_is_nothing(terminal):
    console = terminal()

    console.send("\r   \r/repo\r")

    wait_for(console, "This chat has no active repo")
    assert end(console) == 0


def test_sigterm_ends_the_console(terminal):
    console = terminal()

    console.kill(signal.SIGTERM)
    console.expect(pexpect.EOF)
    console.close()

    assert console.exitstatus == 0


@pytest.fixture
def at_work(tmp_path, terminal):
    """A console in which a run works that does not end by itself."""
    command = scripted_agent("acp", tmp_path, {"turns": [[{"wait": True}]]})
    write_config(
        tmp_path,
        f"""[plugins]
enabled = ["session", "run"]
[plugins.run]
sandbox = "off"
agent = "scripted"
[plugins.run.agents.scripted]
command = {json.dumps(command)}
""",
    )
    console = terminal()
    console.send("/use api\r")
    wait_for(console, "now works on")
    console.send("/run do it\r")
    wait_for(console, "started in")
    return console


def test_a_stop_is_one_message(at_work):
    at_work.send("/stop\r")
    at_work.expect(r"/stop(.*)Run 1 stopped after .* No files changed\.")

    assert "api" not in at_work.match[1]
    assert end(at_work) == 0


@pytest.mark.parametrize("key", [CTRL_D, CTRL_C])
def test_ctrl_d_while_a_run_works_asks_once_and_then_stops_it(at_work, key):
    at_work.send(CTRL_D)
    wait_for(at_work, "1 run is at work. Ctrl-D or Ctrl-C again stops it.")
    at_work.send(key)
    at_work.expect(pexpect.EOF)
    at_work.close()

    assert at_work.exitstatus == 0


def test_whoever_types_on_is_asked_again(at_work):
    at_work.send(CTRL_D)
    wait_for(at_work, "again stops it.")
    at_work.send("/repo\r")
    wait_for(at_work, "api")
    at_work.send(CTRL_D)
    wait_for(at_work, "again stops it.")

    assert end(at_work) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_console_while_a_run_works(at_work, number):
    at_work.send(CTRL_D)
    wait_for(at_work, "again stops it.")
    at_work.kill(number)
    at_work.expect(pexpect.EOF)
    at_work.close()

    assert at_work.exitstatus == 0


class Screen(io.StringIO):
    """What was drawn, in order."""

    def __init__(self):
        super().__init__()
        self._flushed = asyncio.Event()
        self._seen = 0

    def flush(self):
        self._flushed.set()

    async def drawn(self, text):
        """Wait until `text` is drawn behind what was waited for before."""
        while (start := self.getvalue().find(text, self._seen)) < 0:
            self._flushed.clear()
            await self._flushed.wait()
        self._seen = start + len(text)


@pytest.fixture
def screen():
    return Screen()


@pytest.fixture
def keyboard(screen):
    """What is sent to it is typed at a prompt that is drawn on `screen`."""
    with create_pipe_input() as pipe:
        output = Vt100_Output(screen, lambda: Size(24, 80), term="dumb")
        with create_app_session(input=pipe, output=output):
            yield pipe


async def test_an_edit_is_not_printed_again(tmp_path, keyboard, screen):
    console = PromptConsole(tmp_path / "history", DummyCompleter(), "team")
    messages = console.messages()
    keyboard.send_text("/run x\r")
    await anext(messages)
    first = await console.send("team", Reply("Run 1 started"))

    assert await console.send("team", Reply("Run 1 started · 5 s", edits=first)) == first
    await console.send("team", Reply("Done."))

    assert screen.getvalue().endswith("Run 1 started\n\nDone.\n\n")


async def test_a_reply_is_above_the_prompt_once_it_is_sent(tmp_path, keyboard, screen):
    console = PromptConsole(tmp_path / "history", DummyCompleter(), "team")
    messages = console.messages()
    keyboard.send_text("/use api\r")
    message = await anext(messages)

    await console.send("team", Reply("before the prompt is back"))
    assert screen.getvalue().endswith("before the prompt is back\n\n")
    await screen.drawn("before the prompt is back\n\n")

    await console.acknowledge(message)
    following = asyncio.ensure_future(anext(messages))
    await screen.drawn("team>")
    await console.send("team", Reply("while it waits"))
    await screen.drawn("while it waits\n\n")
    await screen.drawn("team>")

    keyboard.send_text(CTRL_D)
    with pytest.raises(StopAsyncIteration):
        await following


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/us", ["/use"]),
        ("/U", ["/use"]),
        ("", ["/help", "/use", "/repo", "/repos", "/clear", "/sessions"]),
        ("hello", []),
        ("/use ", ["api", "web"]),
        ("/use A", ["api"]),
        ("/cd w", ["web"]),
        ("/use zzz", []),
        ("/help us", ["use"]),
        ("hello w", []),
        ("/nope w", []),
        ("/chat ", ["on", "off"]),
        ("/chat o", ["on", "off"]),
        ("/chat on ", []),
        ("/agent ", ["claude", "codex", "gemini", "opencode"]),
        ("/agent co", ["codex"]),
        ("/use api ", []),
        ("/run a", []),
        ("/stop e", ["everywhere"]),
    ],
)
async def test_what_could_stand_at_the_cursor_is_offered(config, typed, offered):
    setup = read_setup(config)
    async with open_chat(setup):
        completer = CommandCompleter(setup.router, setup.repos, setup.plugins, "team")

        found = [each.text for each in completer.get_completions(Document(typed), CompleteEvent())]

    assert [each for each in found if each in offered] == offered
    assert offered or not found


async def test_the_runs_of_the_chat_are_offered_the_newest_first(config):
    command = json.dumps(scripted_agent("acp", config.parent, {"turns": [[{"say": "Done."}]]}))
    config.write_text(
        f'{config.read_text()}[access]\nowners = ["{OWNER}"]\n[plugins.run]\n'
        'agent = "scripted"\nsandbox = "off"\n'
        f"[plugins.run.agents.scripted]\ncommand = {command}\n"
    )
    setup = read_setup(config)
    async with open_chat(setup) as chat:
        await chat("/use api")
        for _ in range(2):
            await chat("/run do it")
        completer = CommandCompleter(setup.router, setup.repos, setup.plugins, chat.chat_id)

        found = [
            each.text for each in completer.get_completions(Document("/diff "), CompleteEvent())
        ]

    assert found == ["2", "1"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*api* is _new_", "\x1b[1mapi\x1b[0m is \x1b[3mnew\x1b[0m"),
        ("2 * 3 * 4 and a_b_c", "2 * 3 * 4 and a_b_c"),
        ("*a*b", "*a*b"),
        ("**", "**"),
    ],
)
def test_bold_and_italic_are_shown_as_a_terminal_does(text, shown):
    assert styled(text) == shown


HINT = "Plain text is not a prompt here. /run <prompt>, or /chat on. /help lists the commands.\n\n"


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("", ""),
        ("\n \n", ""),
        ("hello\n", HINT),
        ("/use api", "This chat now works on *api*, on branch main.\n\n"),
        ("/use api\r\n", "This chat now works on *api*, on branch main.\n\n"),
        (
            "/repo\n/use\0api\n",
            f"This chat has no active repo. /repos lists them, /use <repo> selects one.\n\n{HINT}",
        ),
    ],
)
def test_what_is_piped_in_is_answered_line_by_line(config, text, output):
    ended = run_butler("console", "--config", config, text=text)

    assert (ended.stdout, ended.stderr, ended.returncode) == (output, "", 0)


def test_a_line_that_is_no_text_or_too_long_does_not_end_the_console(config):
    process = start_butler("console", "--config", config)

    out, err = process.communicate(
        b"\xff\n" + b"x" * 2_000_000 + b"\n/use api\n", timeout=PATIENCE_S
    )

    assert out.decode() == f"{HINT}This chat now works on *api*, on branch main.\n\n"
    assert (err, process.returncode) == (b"", 0)


def test_whoever_is_named_as_sender_has_no_more_rights_than_they_have(config):
    arguments = ("console", "--config", config, "--sender", "+4930123456")

    assert run_butler(*arguments, text="/use api\n").stdout == ""


def test_a_reader_of_the_pipe_that_goes_away_ends_butler_without_a_word(config):
    process = start_butler("console", "--config", config)
    feeder = threading.Thread(target=feed, args=(process, b"/help\n" * 50_000))
    feeder.start()

    process.stdout.readline()
    process.stdout.close()

    assert process.wait(PATIENCE_S) == 1
    assert process.stderr.read() == b""
    process.stderr.close()
    feeder.join()


def feed(process, data):
    for act in (lambda: process.stdin.write(data), process.stdin.close):
        with contextlib.suppress(BrokenPipeError):
            act()
