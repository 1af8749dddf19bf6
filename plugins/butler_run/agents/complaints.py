"""Translate known errors of agents to the user's words, with the way out."""

import re
import time
from collections.abc import Collection
from dataclasses import dataclass

from butler import duration
from butler_run.agents.events import UsageLimit

_LOOKED_AT = 2_000


@dataclass(frozen=True, slots=True)
class _Maker:
    """The maker of an agent.

    Attributes:
        name: The usual name of the agent.
        login: The steps to log in on the machine.
        key: The variable that holds an API key.
    """

    name: str
    login: str
    key: str


_MAKERS = {
    "claude": _Maker("Claude", "run `claude` there and type /login", "ANTHROPIC_API_KEY"),
    "codex": _Maker("Codex", "run `codex login` there", "OPENAI_API_KEY"),
    "gemini": _Maker("Gemini", "run `gemini` there and choose a login", "GEMINI_API_KEY"),
    "opencode": _Maker("OpenCode", "run `opencode auth login` there", "ANTHROPIC_API_KEY"),
}
# A refusal by the network list (API Error: 403) explains itself and is not a missing login.
_LOGGED_OUT = re.compile(
    r"/login|not logged in|authentication(?: is)? required|authentication_error|invalid api key"
    r"|(?:token|login|credentials?|session key) (?:has |have |is |are |was )?(?:been )?"
    r"(?:expired|revoked)|expired (?:oauth |access |refresh )?(?:token|credentials?)"
    r"|api error: 401|(?:status|http)(?: code| error)?:? 401|401:? unauthorized",
    re.IGNORECASE,
)
_KEY_REFUSED = re.compile(
    r"(?:invalid|incorrect) (?:x-)?api[ _-]?key|api key (?:not |is not |is in)valid|api error: 401",
    re.IGNORECASE,
)
_OVERLOADED = re.compile(r"overloaded|api error: 529|service unavailable", re.IGNORECASE)
_NO_CREDIT = re.compile(
    r"credit balance is too low|insufficient[ _](?:quota|credit|funds)|payment required",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"(?:prompt|conversation|input|context|request) is too long"
    r"|context[ _](?:length|window).{0,40}exceed|exceed.{0,60}context"
    r"|maximum context length|context_length_exceeded|prompt_too_long"
    r"|token count .{0,40}exceeds",
    re.IGNORECASE,
)
# As a whole answer, and not as the beginning of a sentence about such an error.
_ERROR_ALONE = re.compile(
    r"(?:failed to authenticate[.:]? )?api error:? (?:repeated )?"
    r"(?:\(?[45][0-9]{2}\)?(?: ?[·:(].*| ?\{[\s\S]*\}| (?:overloaded|internal server error)\b.*)?"
    r"|overloaded\b.*|\(?(?:connection error|(?:the )?request timed out)\b.*)"
    r"|(?:invalid api key|not logged in|oauth token has expired|oauth token revoked"
    r"|credit balance is too low|prompt is too long|you've hit your [a-z0-9 -]{0,20}limit)"
    r"(?: ?·.*|\.)?"
    r"|(?:claude ai )?usage limit reached\|[0-9]{10,13}|please run /login\.?",
    re.IGNORECASE,
)
_RESET = re.compile(r"(limit[^|\n]{0,40})\|([0-9]{10})(?:[0-9]{3})?\b", re.IGNORECASE)


def explained(program: str, said: str, variables: Collection[str] = ()) -> str | None:
    """Return a sentence for a known error, with the way out; None for others.

    Args:
        program: The agent's program, such as ``claude-agent-acp``.
        said: Its error text.
        variables: The names of its environment variables.
    """
    maker, said = _maker(program), said[:_LOOKED_AT]
    if sentence := _login(maker, said, variables):
        return sentence
    if _NO_CREDIT.search(said):
        return f"The account of {maker.name} has no credit left."
    if _OVERLOADED.search(said):
        return f"The model of {maker.name} is overloaded at the moment."
    return None


def is_too_long(said: str) -> bool:
    """Return whether an error means that the conversation no longer fits into the model."""
    return _TOO_LONG.search(said[:_LOOKED_AT]) is not None


def is_error_alone(answer: str) -> bool:
    """Return whether an answer is nothing but an error, as some agents report theirs."""
    answer = answer.strip()
    return len(answer) <= _LOOKED_AT and _ERROR_ALONE.fullmatch(answer) is not None


def limit_sentence(program: str, limit: UsageLimit, now: float | None = None) -> str:
    """Return a sentence on a limit that is reached, with the time of its reset if it is known."""
    current = time.time() if now is None else now
    what = f"{_maker(program).name}'s {f'{limit.name} ' if limit.name else 'usage '}limit"
    if limit.resets_at is None:
        return f"{what} is reached; when it resets is not known."
    return f"{what} is reached; {_reset(limit.resets_at, current)}."


def limit_warning(limit: UsageLimit, now: float | None = None) -> str:
    """Return a sentence on a limit of which much is used."""
    current = time.time() if now is None else now
    what = f"{limit.name} limit" if limit.name else "usage limit"
    resets = f"; {_reset(limit.resets_at, current)}" if limit.resets_at is not None else ""
    return f"{round((limit.share or 0) * 100)} % of the {what} is used{resets}."


def how_to_log_in(program: str) -> str:
    """Return that an agent is not logged in, and what to do."""
    return _logged_out(_maker(program))


def with_clock_times(said: str, now: float | None = None) -> str:
    """Return ``said`` with the Unix time of a limit's reset as clock time.

    ``limit reached|1795824000`` becomes ``limit reached; it resets at 2026-11-28 15:00 (in 2 h)``.
    """
    current = time.time() if now is None else now
    return _RESET.sub(lambda match: f"{match[1]}; {_reset(float(match[2]), current)}", said)


def _reset(at: float, now: float) -> str:
    moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
    return (
        f"it resets at {moment} (in {duration(at - now)})" if at > now else f"it reset at {moment}"
    )


def _login(maker: _Maker, said: str, variables: Collection[str]) -> str | None:
    if _KEY_REFUSED.search(said) and maker.key in variables:
        return f"The key in {maker.key} was refused."
    return _logged_out(maker) if _LOGGED_OUT.search(said) else None


def _logged_out(maker: _Maker) -> str:
    return f"{maker.name} is not logged in on this machine: {maker.login}."


def _maker(program: str) -> _Maker:
    for word, maker in _MAKERS.items():
        if word in program:
            return maker
    name = program or "The agent"
    return _Maker(name, "log in with it there", "its API key")
