"""The language of the scripts, and the player of what does not depend on a protocol.

A script is an object::

    turns            a list of steps for each prompt of a process; the last one repeats
    before           steps before a word of protocol is spoken (crash, hang, garbage)
    conversation_id  what a new conversation is called; "c-1"
    resume           "accept" (default: tells all of it once more), "reopen" (does not), "refuse",
                     "crash" (acp: ends), "lost" (acp: the prompt fails) or "unsupported"
    result           claude: the text of the result at the end of a turn; none
    logged_in        false: nothing works but saying so
    commands         the slash commands announced, each {"name", "description"}; none
    modes            the modes offered, the first is the current one; mode_error: refused with this
    models, efforts  the models and levels of effort offered, the first is the current one; {model}
                     and {effort} are those of the run
    sessions         the conversations of the folder, for acp: {"id", "title", "updated_at"}
    can_fork         acp: false means that a conversation cannot be copied; {conversation} of a copy
                     ends in "-copy"
    takes_pictures   acp: false means that prompts may have no pictures in them

A step is an object with one of these keys:

    say              text; {prompt}, {mode}, {conversation}, {instructions} (the texts before
                     the prompt), {settings} (their source), {files} (the types of what the
                     prompt brings besides text) and {time} are filled in;
                     times are Unix seconds
    picture          shown in the answer: a PNG in base64
    pause            a number of seconds
    say_bytes        this number of bytes of text in one message
    flood_bytes      this number of bytes of text, "line_bytes" (4096) a message
    think            a thought
    tool             a tool of this title begins and ends; "is_failed"
    ask              a question for permission: {"path", "new", "old"} or {"command"};
                     "then" and "else" are the steps after yes and no; a path is written on yes;
                     "offered" beside it are the answers that acp offers, of always, yes and no
    inquire          questions of the agent's own: a list of {"question", "options", "many"}; the
                     options are texts, without any it is a text; or {"question", "kind"}, which is
                     number, integer or yes_no (acp); the answers fill {answers} in later texts
    propose          a plan; "then" and "else" are the steps after yes and no; {reason} is why
                     not, {mode} the mode that it goes on in
    todos            a to-do list: [text, state] pairs; pending, in_progress or completed
    tasks            {"sub_agents": a number, "background": commands}: what works beside it
    sub_agent_says   a text of another agent, which nobody should see
    usage_limit      {"kind", "used" (0 to 1), "resets_at"}: a report on a usage limit
    retry            {"attempt", "of", "delay_s", "error", "status"}: it tries a request again
    limited          the turn ends at a usage limit; "resets_at" beside it
    too_long         the turn ends as the conversation no longer fits
    write, delete    a file, relative to the working copy; "content", or "base64"; variables such as
                     $BUTLER_OUTBOX are filled in
    usage            {"tokens", "cost_usd"}
    say_environment  the names of the variables it sees, and their values
    garbage          a line that is not protocol; "times"
    stderr           a line on stderr
    close_output     nothing more can be written
    fork             {"pid_file"}: a daemonised grandchild that ignores signals
    ignore_signals   of SIGINT and SIGTERM
    wait             until told to cancel
    hang             for ever, deaf to everything
    crash            ends with this status at once
    fail             the turn ends in an error of this text; "details"
    finish           the turn ends for this reason, a stop reason of the Agent Client Protocol
"""

import base64
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Step = Mapping[str, Any]


class TurnCancelledError(Exception):
    """The client wants the turn to end."""


class TurnFailedError(Exception):
    """The script wants the turn to fail."""

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details


class TurnLimitedError(Exception):
    """The script wants the turn to end at a usage limit."""

    def __init__(self, resets_at: float | None) -> None:
        super().__init__("usage limit reached")
        self.resets_at = resets_at


class TurnTooLongError(Exception):
    """The script wants the turn to end because the conversation is too long."""


class TurnFinishedError(Exception):
    """The script wants the turn to end for a reason."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script, read."""

    turns: list[list[Step]] = field(default_factory=list)
    before: list[Step] = field(default_factory=list)
    conversation_id: str = "c-1"
    resume: str = "accept"
    result: str = ""
    logged_in: bool = True
    commands: list[dict[str, str]] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    mode_error: str = ""
    models: list[str] = field(default_factory=list)
    efforts: list[str] = field(default_factory=list)
    sessions: list[dict[str, str]] | None = None
    can_fork: bool = True
    takes_pictures: bool = True

    @staticmethod
    def read(path: str) -> "Script":
        """Return the script in the file at ``path``."""
        return Script(**json.loads(Path(path).read_text()))

    def turn(self, number: int) -> list[Step]:
        """Return the steps for the prompt of this number, counted from 0."""
        return self.turns[min(number, len(self.turns) - 1)] if self.turns else []


class Voice(Protocol):
    """What a protocol can express."""

    def said(self, text: str) -> bytes:
        """Return the bytes that say ``text``."""
        ...

    def show(self, picture: str) -> None:
        """Show a PNG in the answer."""
        ...

    def think(self, text: str) -> None:
        """Think."""
        ...

    def use_tool(self, title: str, *, is_failed: bool) -> None:
        """Begin and end a tool."""
        ...

    def ask(self, question: Mapping[str, Any]) -> bool:
        """Ask for permission and return the answer."""
        ...

    def inquire(self, questions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | str:
        """Ask questions and return the answers; a text is what was said instead."""
        ...

    def propose(self, plan: str) -> str | None:
        """Propose a plan; return why not, or None to go on."""
        ...

    def list_todos(self, items: Sequence[Sequence[str]]) -> None:
        """Show a to-do list."""
        ...

    def tell_tasks(self, sub_agents: int, background: Sequence[str]) -> None:
        """Tell what works beside it."""
        ...

    def said_by_sub_agent(self, text: str) -> None:
        """Pass on what another agent says."""
        ...

    def tell_retry(self, retry: Mapping[str, Any]) -> None:
        """Tell that a request is tried again."""
        ...

    def tell_limit(self, limit: Mapping[str, Any]) -> None:
        """Report on a usage limit."""
        ...

    def tell_usage(self, tokens: int, cost_usd: float) -> None:
        """Tell what was used."""
        ...

    def wait(self) -> None:
        """Wait until told to cancel."""
        ...


class Player:
    """Plays steps with a voice; ``words`` are filled in, and may change meanwhile."""

    def __init__(self, voice: Voice, words: dict[str, str]) -> None:
        self._voice = voice
        self._words = words

    def play(self, steps: Sequence[Step]) -> None:
        """Play the steps in order.

        Raises:
            TurnCancelledError: The client wants the turn to end.
            TurnFailedError: The script wants it to fail.
            TurnFinishedError: The script wants it to end for a reason.
            TurnLimitedError: The script wants it to end at a usage limit.
            TurnTooLongError: The script wants the conversation to be too long.
        """
        for step in steps:
            verb = next(iter(step))
            getattr(self, f"_{verb}")(step[verb], step)

    def _say(self, text: str, _: Step) -> None:
        for word, value in self._words.items():
            text = text.replace(f"{{{word}}}", value)
        write(self._voice.said(text.replace("{time}", f"{time.time():.6f}")))

    def _picture(self, picture: str, _: Step) -> None:
        self._voice.show(picture)

    def _pause(self, seconds: float, _: Step) -> None:
        time.sleep(seconds)

    def _say_bytes(self, size: int, _: Step) -> None:
        write(self._voice.said("x" * size))

    def _flood_bytes(self, size: int, step: Step) -> None:
        line = self._voice.said("x" * step.get("line_bytes", 4096) + "\n")
        block = line * max(1, 2**16 // len(line))
        for _ in range(0, size, len(block)):
            write(block)

    def _think(self, text: str, _: Step) -> None:
        self._voice.think(text)

    def _tool(self, title: str, step: Step) -> None:
        self._voice.use_tool(title, is_failed=step.get("is_failed", False))

    def _ask(self, question: Step, step: Step) -> None:
        is_allowed = self._voice.ask(question)
        if is_allowed and "path" in question:
            Path(question["path"]).write_text(question["new"])
        self.play(step.get("then" if is_allowed else "else", []))

    def _inquire(self, questions: Sequence[Mapping[str, Any]], _: Step) -> None:
        answers = self._voice.inquire(questions)
        self._words["answers"] = answers if isinstance(answers, str) else json.dumps(answers)

    def _propose(self, plan: str, step: Step) -> None:
        reason = self._voice.propose(plan)
        self._words["reason"] = reason or ""
        self.play(step.get("then" if reason is None else "else", []))

    def _todos(self, items: Sequence[Sequence[str]], _: Step) -> None:
        self._voice.list_todos(items)

    def _tasks(self, tasks: Step, _: Step) -> None:
        self._voice.tell_tasks(tasks.get("sub_agents", 0), tasks.get("background", []))

    def _sub_agent_says(self, text: str, _: Step) -> None:
        self._voice.said_by_sub_agent(text)

    def _usage_limit(self, limit: Step, _: Step) -> None:
        self._voice.tell_limit(limit)

    def _retry(self, retry: Step, _: Step) -> None:
        self._voice.tell_retry(retry)

    def _limited(self, _value: object, step: Step) -> None:
        raise TurnLimitedError(step.get("resets_at"))

    def _too_long(self, *_: object) -> None:
        raise TurnTooLongError

    def _write(self, path: str, step: Step) -> None:
        data = base64.b64decode(step["base64"]) if "base64" in step else step["content"].encode()
        Path(os.path.expandvars(path)).write_bytes(data)

    def _delete(self, path: str, _: Step) -> None:
        Path(path).unlink()

    def _usage(self, usage: Step, _: Step) -> None:
        self._voice.tell_usage(usage["tokens"], usage["cost_usd"])

    def _say_environment(self, names: list[str], _: Step) -> None:
        seen = {name: os.environ.get(name) for name in names}
        write(self._voice.said(json.dumps(seen)))

    def _garbage(self, text: str, step: Step) -> None:
        write(f"{text}\n".encode() * step.get("times", 1))

    def _close_output(self, *_: object) -> None:
        os.close(1)

    def _stderr(self, text: str, _: Step) -> None:
        sys.stderr.write(f"{text}\n")

    def _fork(self, child: Step, _: Step) -> None:
        daemonise(child["pid_file"])

    def _ignore_signals(self, names: list[str], _: Step) -> None:
        for name in names:
            signal.signal(signal.Signals[name], signal.SIG_IGN)

    def _wait(self, *_: object) -> None:
        self._voice.wait()

    def _hang(self, *_: object) -> None:
        while True:
            signal.pause()

    def _crash(self, status: int, _: Step) -> None:
        sys.exit(status)

    def _fail(self, message: str, step: Step) -> None:
        raise TurnFailedError(message, step.get("details", ""))

    def _finish(self, reason: str, _: Step) -> None:
        raise TurnFinishedError(reason)


def write(data: bytes) -> None:
    """Write ``data`` to stdout, now."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def daemonise(pid_file: str) -> None:
    """Leave a grandchild behind that ignores signals; return once its pid is in ``pid_file``."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()  # pragma: no cover - the child never ends by itself
    if os.fork() == 0:  # pragma: no cover
        _linger(Path(pid_file))
    _wait_for(Path(pid_file))  # pragma: no cover
    os._exit(0)  # pragma: no cover


def _linger(pid_file: Path) -> None:  # pragma: no cover - ended by SIGKILL only
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    written = pid_file.with_suffix(".new")
    written.write_text(str(os.getpid()))
    written.rename(pid_file)
    while True:
        signal.pause()


def _wait_for(file: Path) -> None:  # pragma: no cover - in a child that is not measured
    while not file.exists():
        os.sched_yield()
